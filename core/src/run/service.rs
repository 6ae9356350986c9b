use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::TransactWriteItem;
use futures::{StreamExt as _, TryStreamExt as _};
use ulid::Ulid;

use super::model::{Outcome, Run, RunLink, RunOptions, RunStatus, workspace_status};
use crate::access::Submitter;
use crate::document::{Document, DocumentStatus};
use crate::id::{ConfigId, DocumentId, RunId, WorkspaceId};
use crate::lease::{CancelError, Executable as _, Lease, LeaseError};
use crate::store::table::{ListError, RUNS};
use crate::store::{Page, PageRequest, StoreError, Tables};
use crate::time::Timestamp;

/// How many of a run's outputs its record names.
const NAMED_OUTPUTS: usize = 100;
/// Most documents of one run: each is a part of the transaction that records the run.
const DOCUMENT_LIMIT: usize = 45;

/// Creating, reading, listing and finishing runs.
#[derive(Debug, Clone)]
pub struct Runs {
    tables: Tables,
    safe_mode: Option<String>,
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

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct ListRuns {
    /// With one of these statuses; any when empty.
    pub statuses: BTreeSet<RunStatus>,
    /// Of this config.
    pub config_id: Option<ConfigId>,
    /// With this document.
    pub document_id: Option<DocumentId>,
    /// Submitted by the principal with this id.
    pub submitted_by: Option<String>,
    /// Created at or after this moment.
    pub created_after: Option<Timestamp>,
    /// Created before this moment.
    pub created_before: Option<Timestamp>,
}

impl Runs {
    /// Runs in these tables. With `safe_mode`, the operator's message, nothing is executed.
    pub fn new(tables: Tables, safe_mode: Option<String>) -> Self {
        Self { tables, safe_mode }
    }

    /// Records a run. It must be dispatched when it is `queued`; in safe mode it is already `canceled`.
    pub async fn create(&self, new: NewRun) -> Result<Run, CreateRunError> {
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
        let mut run = Run::new(new);
        if let Some(detail) = &self.safe_mode {
            run = run.skip(detail);
        }
        let mut items = vec![self.tables.create_in_transaction(&RUNS, &run)?];
        for document in &run.input_documents {
            items.push(self.tables.create_in_transaction(&RUNS, &RunLink::new(run.run_id, document.document_id))?);
        }
        self.tables.transact(&Ulid::generate().to_string(), items).await?;
        Ok(run)
    }

    /// Asks for the end of a run: a queued one is `canceled` at once, a running one within seconds, by its executor.
    pub async fn cancel(&self, run: Run) -> Result<Run, CancelError> {
        crate::lease::cancel(&self.tables, run).await
    }

    /// Reads a run's record.
    pub async fn get(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        crate::lease::read(&self.tables, id).await
    }

    /// Lists a workspace's runs, newest first, on the most selective index; other conditions filter what it finds.
    pub async fn list(&self, workspace: WorkspaceId, wanted: ListRuns, page: PageRequest) -> Result<Page<Run>, ListError> {
        let keep = |run: &Run| {
            run.workspace_id == workspace
                && (wanted.statuses.is_empty() || wanted.statuses.contains(&run.status))
                && wanted.config_id.is_none_or(|config| config == run.config_id)
                && wanted.submitted_by.as_ref().is_none_or(|id| *id == run.submitted_by.id)
                && wanted.created_after.is_none_or(|after| run.created >= after)
                && wanted.created_before.is_none_or(|before| run.created < before)
        };
        if let Some(document) = wanted.document_id {
            return self.list_of_document(document, page, keep).await;
        }
        if let Some(config) = wanted.config_id {
            return self.tables.list(&RUNS, "by_config", &config.to_string(), page, keep).await;
        }
        let only_status = wanted.statuses.first().filter(|_| wanted.statuses.len() == 1);
        match only_status {
            Some(status) => self.tables.list(&RUNS, "by_workspace_status", &workspace_status(workspace, status.word()), page, keep).await,
            None => self.tables.list(&RUNS, "by_workspace", &workspace.to_string(), page, keep).await,
        }
    }

    /// The document's index holds keys only; the runs are read beside it.
    async fn list_of_document(&self, document: DocumentId, page: PageRequest, keep: impl Fn(&Run) -> bool) -> Result<Page<Run>, ListError> {
        let links = self.tables.list(&RUNS, "by_document", &document.to_string(), page, |_: &RunLink| true).await?;
        let runs: Vec<Option<Run>> =
            futures::stream::iter(links.items).map(|link| self.get(link.run_id)).buffered(16).try_collect().await?;
        Ok(Page { items: runs.into_iter().flatten().filter(|run| keep(run)).collect(), next: links.next })
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
        lease.send_finish(update, Vec::<TransactWriteItem>::new()).await
    }
}
