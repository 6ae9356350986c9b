//! Serves [`ade_functions::configs::export_config`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::export_config)
}
