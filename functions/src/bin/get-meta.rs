//! Serves [`ade_functions::system::get_meta`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::system::get_meta)
}
