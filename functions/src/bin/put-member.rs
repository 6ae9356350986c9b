//! Serves [`ade_functions::members::put_member`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::members::put_member)
}
