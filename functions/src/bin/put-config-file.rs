//! Serves [`ade_functions::configs::put_config_file`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::put_config_file)
}
