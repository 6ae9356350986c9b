//! Serves [`ade_functions::configs::import_config`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::import_config)
}
