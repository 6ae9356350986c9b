//! Serves [`ade_functions::keys::list_api_keys`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::keys::list_api_keys)
}
