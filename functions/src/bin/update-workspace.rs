//! Serves [`ade_functions::workspaces::update_workspace`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::workspaces::update_workspace)
}
