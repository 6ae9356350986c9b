//! Serves [`ade_functions::documents::delete_document`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::documents::delete_document)
}
