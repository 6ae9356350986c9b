//! A run's documents: copied into the run, so that it can be repeated, and onto this machine.

use std::path::{Path, PathBuf};

use ade_core::eventlog::FailureCode;
use ade_core::layout;
use ade_core::run::{Run, RunDocument};
use ade_core::store::{Objects, StoreError};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::task::spawn_blocking;

use crate::hashing::describe;
use crate::stop::{Failed, Stop, fault, outlast};

/// Documents fetched at a time.
const CONCURRENCY: usize = 4;
const STAGE: &str = "stage_input";

/// Fetches the documents of a run into `input/<document_id>/<name>`, in the order of the record.
pub(super) async fn stage(objects: &Objects, run: &Run, input: &Path) -> Result<Vec<PathBuf>, Stop> {
    let fetches = run.input_documents.iter().map(|document| fetch(objects, run, document, input));
    futures::stream::iter(fetches).buffered(CONCURRENCY).try_collect().await
}

async fn fetch(objects: &Objects, run: &Run, document: &RunDocument, input: &Path) -> Result<PathBuf, Stop> {
    let from = layout::document(document.document_id, &document.name);
    let copy = layout::run_input(run.run_id, document.document_id, &document.name);
    let directory = input.join(document.document_id.to_string());
    tokio::fs::create_dir_all(&directory).await.map_err(fault(STAGE))?;
    let path = directory.join(layout::safe_name(&document.name));
    let fetched = outlast(|| async {
        // The document may be gone: a run that is repeated has its own copy. An earlier attempt may have made ours: it is what counts.
        if !objects.copy(&from, &copy).await?
            && let Some(original) = run.retry_of_run_id
        {
            objects.copy(&layout::run_input(original, document.document_id, &document.name), &copy).await?;
        }
        if let Err(error) = tokio::fs::remove_file(&path).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(StoreError::Unavailable { operation: "write scratch file", message: error.to_string() });
        }
        objects.download(&copy, &path).await
    });
    let failed = |message: String| Failed::new(FailureCode::InputError, STAGE, message);
    if fetched.await?.is_none() {
        return Err(failed(format!("the document {} is gone", document.document_id)).into());
    }
    let file = path.clone();
    let found = spawn_blocking(move || describe(&file)).await.map_err(|error| fault(STAGE)(error.into()))?.map_err(fault(STAGE))?;
    if found.byte_size != document.byte_size || document.sha256.as_ref().is_some_and(|sha256| *sha256 != found.sha256) {
        return Err(failed(format!("the document {} is not what was uploaded: its size or digest differs", document.document_id)).into());
    }
    Ok(path)
}
