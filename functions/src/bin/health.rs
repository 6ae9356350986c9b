//! Serves [`ade_functions::system::health`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_open(ade_functions::system::health)
}
