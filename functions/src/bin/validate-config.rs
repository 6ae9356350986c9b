//! Serves [`ade_functions::configs::validate_config`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::validate_config)
}
