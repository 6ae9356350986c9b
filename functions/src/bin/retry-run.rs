//! Serves [`ade_functions::runs::retry_run`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::runs::retry_run)
}
