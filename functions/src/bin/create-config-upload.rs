//! Serves [`ade_functions::configs::create_config_upload`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::create_config_upload)
}
