//! Serves [`ade_functions::runs::create_run`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_streaming(ade_functions::runs::create_run)
}
