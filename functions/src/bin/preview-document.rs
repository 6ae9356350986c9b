//! Serves [`ade_functions::documents::preview_document`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::documents::preview_document)
}
