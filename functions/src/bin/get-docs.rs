//! Serves [`ade_functions::system::get_docs`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve_open(ade_functions::system::get_docs)
}
