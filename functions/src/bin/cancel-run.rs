//! Serves [`ade_functions::runs::cancel_run`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::runs::cancel_run)
}
