//! Serves [`ade_functions::builds::cancel_build`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::builds::cancel_build)
}
