//! Serves [`ade_functions::builds::list_builds`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::builds::list_builds)
}
