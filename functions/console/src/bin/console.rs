//! Serves the web console.

fn main() -> std::process::ExitCode {
    ade_console::run()
}
