//! Serves [`ade_functions::builds::create_build`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_streaming(ade_functions::builds::create_build)
}
