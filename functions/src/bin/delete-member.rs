//! Serves [`ade_functions::members::delete_member`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::members::delete_member)
}
