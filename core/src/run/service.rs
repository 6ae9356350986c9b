use std::collections::BTreeSet;

use ulid::Ulid;

use super::model::{Outcome, Run, RunLink, RunOptions, RunStatus};
use super::slots::Slots;
use crate::access::Submitter;
use crate::dispatch::{Dispatcher, ExecuteRun, Work};
use crate::document::{Document, DocumentStatus};
use crate::id::{ConfigId, DocumentId, RunId, WorkspaceId};
use crate::idempotency::Mark;
use crate::lease::{self, CancelError, Claim, Executable as _, Lease, LeaseError};
use crate::safe_mode::SafeMode;
use crate::store::table::RUNS;
use crate::store::{StoreError, Tables};

/// How many of a run's outputs its record names.
const NAMED_OUTPUTS: usize = 100;
/// Most documents of one run: each is a part of the transaction that records the run.
const DOCUMENT_LIMIT: usize = 45;

/// Creating, reading, listing and finishing runs.
#[derive(Debug, Clone)]
pub struct Runs {
    pub(super) tables: Tables,
    slots: Slots,
    safe_mode: SafeMode,
}

/// A run that is asked for.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The workspace of config and documents.
    pub workspace_id: WorkspaceId,
    /// The config.
    pub config_id: ConfigId,
    /// Its documents, which exist and belong to the workspace.
    pub documents: Vec<Document>,
    /// How it is executed.
    pub options: RunOptions,
    /// Who asks.
    pub submitted_by: Submitter,
    /// The trace of the request.
    pub trace_id: String,
}

/// Why a run was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateRunError {
    /// It has no documents.
    #[error("a run needs at least one document, unless it is `validate_only`")]
    NoDocument,
    /// It has too many documents.
    #[error("a run has at most {DOCUMENT_LIMIT} documents")]
    TooManyDocuments,
    /// A document was named twice.
    #[error("the document {0} is named twice")]
    DuplicateDocument(DocumentId),
    /// A document is not ready.
    #[error("the document {0} has not been uploaded and completed yet")]
    DocumentNotReady(DocumentId),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Runs {
    /// Runs in these tables, at most `slots` of a workspace at once.
    pub fn new(tables: Tables, slots: u32, safe_mode: SafeMode) -> Self {
        Self { slots: Slots::new(tables.clone(), slots as usize), tables, safe_mode }
    }

    /// Records a run. It must be dispatched when it is `queued`; in safe mode it is already `canceled`.
    pub async fn create(&self, new: NewRun) -> Result<Run, CreateRunError> {
        Ok(self.create_all(vec![new], None).await?.remove(0))
    }

    /// Records runs, all or none, at most 45 with their documents. They are noted in the `mark` of the request that asks for them.
    pub async fn create_all(&self, new: Vec<NewRun>, mark: Option<&Mark>) -> Result<Vec<Run>, CreateRunError> {
        let runs = new.into_iter().map(checked).collect::<Result<_, _>>()?;
        Ok(self.record(runs, mark).await?)
    }

    /// Writes new runs in one transaction.
    pub(super) async fn record(&self, runs: Vec<Run>, mark: Option<&Mark>) -> Result<Vec<Run>, StoreError> {
        let runs: Vec<Run> = match self.safe_mode.skips().await? {
            Some(detail) => runs.into_iter().map(|run| run.skip(&detail)).collect(),
            None => runs,
        };
        let mut items = Vec::new();
        for run in &runs {
            items.push(self.tables.create_in_transaction(&RUNS, run)?);
            for document in &run.input_documents {
                items.push(self.tables.create_in_transaction(&RUNS, &RunLink::new(run.run_id, document.document_id))?);
            }
        }
        if let Some(mark) = mark {
            items.push(mark.creates(&runs.iter().map(|run| run.run_id).collect::<Vec<_>>())?);
        }
        self.tables.transact(&Ulid::generate().to_string(), items).await?;
        Ok(runs)
    }

    /// Claims a queued run, if its workspace has a slot for it.
    pub async fn claim(&self, id: RunId) -> Result<Claim<Run>, StoreError> {
        lease::claim(&self.tables, id, &self.slots).await
    }

    /// Whether a workspace has a free slot.
    pub(crate) async fn has_slot(&self, workspace: WorkspaceId) -> Result<bool, StoreError> {
        Ok(!self.slots.are_full(workspace).await?)
    }

    /// Starts the runs that wait for a slot of a workspace and may have one now. Called by whoever has freed a slot; should it fail, they
    /// are started by the next one who does, or by the reaper.
    pub async fn start_waiting(&self, dispatcher: &dyn Dispatcher, workspace: WorkspaceId) {
        let waiting = self.slots.waiting(workspace).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "runs that wait for a slot are not started yet");
            Vec::new()
        });
        for run_id in waiting {
            if let Err(error) = dispatcher.send(workspace, Work::Run(ExecuteRun { run_id })).await {
                tracing::warn!(%error, %run_id, "a run that waits for a slot is not started yet");
            }
        }
    }

    /// Asks for the end of a run: a queued one is `canceled` at once, a running one within seconds, by its executor.
    pub async fn cancel(&self, run: Run) -> Result<Run, CancelError> {
        lease::cancel(&self.tables, run).await
    }

    /// Reads a run's record.
    pub async fn get(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        lease::read(&self.tables, id).await
    }

    /// Notes which build a claimed run uses, and that its events can be found.
    pub async fn note_build(&self, lease: &Lease<Run>, build: &crate::build::Build) -> Result<Run, LeaseError> {
        let update = lease.note()?.set("config_version_id", build.config_version_id)?.set("build_id", build.build_id)?;
        lease.send_note(update).await
    }

    /// Ends a run that `lease` owns.
    pub async fn finish(
        &self,
        lease: &Lease<Run>,
        run: &Run,
        last_id: u64,
        status: RunStatus,
        mut outcome: Outcome,
    ) -> Result<Run, LeaseError> {
        outcome.output_paths.truncate(NAMED_OUTPUTS);
        let update = run.set_status(lease.finish(last_id)?, status.word())?.set_all(&outcome)?;
        lease.send_finish(run, update, Vec::new()).await
    }
}

/// The run that is asked for, unless its documents do not allow it.
fn checked(new: NewRun) -> Result<Run, CreateRunError> {
    if new.documents.is_empty() && !new.options.validate_only {
        return Err(CreateRunError::NoDocument);
    }
    if new.documents.len() > DOCUMENT_LIMIT {
        return Err(CreateRunError::TooManyDocuments);
    }
    let mut seen = BTreeSet::new();
    for document in &new.documents {
        if !seen.insert(document.document_id) {
            return Err(CreateRunError::DuplicateDocument(document.document_id));
        }
        if document.status != DocumentStatus::Ready {
            return Err(CreateRunError::DocumentNotReady(document.document_id));
        }
    }
    Ok(Run::new(new))
}
