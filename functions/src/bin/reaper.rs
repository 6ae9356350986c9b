//! Serves [`ade_functions::reaper`].

fn main() -> std::process::ExitCode {
    ade_functions::reaper::serve()
}
