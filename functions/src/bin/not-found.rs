//! Answers what no other function does: paths and methods that the API does not have.

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_open(ade_functions::system::not_found)
}
