//! Serves [`ade_functions::runs::preview_run_output`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::runs::preview_run_output)
}
