//! Serves [`ade_functions::configs::list_config_versions`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::list_config_versions)
}
