//! Serves [`ade_functions::configs::delete_config_file`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::delete_config_file)
}
