//! Serves [`ade_functions::workspaces::create_workspace`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::workspaces::create_workspace)
}
