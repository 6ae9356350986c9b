//! Serves [`ade_functions::runs::list_runs`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_streaming(ade_functions::runs::list_runs)
}
