//! Serves [`ade_functions::builds::follow_build_events`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_streaming(ade_functions::builds::follow_build_events)
}
