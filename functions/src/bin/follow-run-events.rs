//! Serves [`ade_functions::runs::follow_run_events`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_streaming(ade_functions::runs::follow_run_events)
}
