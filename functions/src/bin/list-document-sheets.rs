//! Serves [`ade_functions::documents::list_document_sheets`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::documents::list_document_sheets)
}
