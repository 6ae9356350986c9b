//! Serves [`ade_functions::documents::create_document`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::documents::create_document)
}
