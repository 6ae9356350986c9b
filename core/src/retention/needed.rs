use std::collections::HashSet;

use serde::Deserialize;

use crate::id::{DocumentId, RunId, WorkspaceId};
use crate::run::{RunStatus, workspace_status};
use crate::store::table::RUNS;
use crate::store::{StoreError, Tables};

/// Most runs under way that are looked at. While a workspace has more, everything of it stays.
const LIMIT: usize = 5000;

/// What the runs of a workspace that are not over need.
#[derive(Debug, Default)]
pub(super) struct Needed {
    everything: bool,
    runs: HashSet<RunId>,
    documents: HashSet<DocumentId>,
}

/// What an index knows of a run that is not over.
#[derive(Deserialize)]
struct UnderWay {
    retry_of_run_id: Option<RunId>,
    input_documents: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    document_id: DocumentId,
}

impl Needed {
    pub(super) async fn of(tables: &Tables, workspace: WorkspaceId) -> Result<Self, StoreError> {
        let mut needed = Self::default();
        let whole = || (RunId::FIRST.to_string(), RunId::LAST.to_string());
        for status in RunStatus::ALL.into_iter().filter(|status| !status.is_terminal()) {
            let partition = workspace_status(workspace, status.word());
            let items = tables.newest_between(&RUNS, "by_workspace_status", &partition, whole(), LIMIT).await?;
            needed.everything |= items.len() == LIMIT;
            for run in serde_dynamo::from_items::<_, UnderWay>(items)? {
                // The copies of the one that it repeats.
                needed.runs.extend(run.retry_of_run_id);
                needed.documents.extend(run.input_documents.iter().map(|input| input.document_id));
            }
        }
        Ok(needed)
    }

    pub(super) fn run(&self, id: RunId) -> bool {
        self.everything || self.runs.contains(&id)
    }

    pub(super) fn document(&self, id: DocumentId) -> bool {
        self.everything || self.documents.contains(&id)
    }
}
