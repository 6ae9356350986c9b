//! Serves [`ade_functions::runs::list_run_issues`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::runs::list_run_issues)
}
