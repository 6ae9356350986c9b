//! Serves [`ade_functions::keys::revoke_api_key`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::keys::revoke_api_key)
}
