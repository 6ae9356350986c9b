//! Serves [`ade_functions::documents::list_documents`].

fn main() -> std::process::ExitCode {
    ade_functions::edge::serve(ade_functions::documents::list_documents)
}
