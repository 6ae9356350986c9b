use super::model::{Run, RunLink};
use crate::layout;
use crate::lease::Executable as _;
use crate::store::table::RUNS;
use crate::store::{Objects, StoreError, Tables};

/// Removes a run that is over, with its outputs, logs and copies of documents; the bytes of these. Its record goes last, so that a removal
/// that breaks off can be repeated.
pub(crate) async fn remove_run(tables: &Tables, objects: &Objects, run: &Run) -> Result<u64, StoreError> {
    let bytes = objects.delete_all(&layout::run_prefix(run.run_id)).await?;
    for document in &run.input_documents {
        tables.delete(&RUNS, RunLink::key(run.run_id, document.document_id)).await?;
    }
    tables.delete(&RUNS, Run::key(run.run_id)).await?;
    Ok(bytes)
}
