//! Serves [`ade_functions::system::sweep`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::system::sweep)
}
