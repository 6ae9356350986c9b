//! Serves [`ade_functions::runs::get_run_summary`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::runs::get_run_summary)
}
