//! Serves [`ade_functions::runs::download_run_log`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_streaming(ade_functions::runs::download_run_log)
}
