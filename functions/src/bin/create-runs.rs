//! Serves [`ade_functions::runs::create_runs`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::runs::create_runs)
}
