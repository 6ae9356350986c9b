//! Serves [`ade_functions::configs::create_config`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::configs::create_config)
}
