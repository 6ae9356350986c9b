//! Serves [`ade_functions::configs::list_config_files`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::list_config_files)
}
