//! Serves [`ade_functions::members::list_members`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::members::list_members)
}
