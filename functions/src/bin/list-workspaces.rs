//! Serves [`ade_functions::workspaces::list_workspaces`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::workspaces::list_workspaces)
}
