//! Serves [`ade_functions::builds::list_build_logs`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::builds::list_build_logs)
}
