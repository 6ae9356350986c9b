//! Serves [`ade_functions::system::put_safe_mode`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::system::put_safe_mode)
}
