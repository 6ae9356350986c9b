use ade_core::config::Config;
use ade_core::document::Document;
use ade_core::id::{RunId, WorkspaceId};
use ade_core::run::{ListRuns, RunStatus};
use ade_core::store::PageRequest;
use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::{Call, Problem};

/// The newest run of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastRun {
    /// The run.
    pub id: RunId,
    /// Where it is in its life.
    pub status: RunStatus,
    /// When it was created, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// When it was over, in Unix seconds.
    pub finished: Option<i64>,
}

impl LastRun {
    /// The newest run of a config.
    pub async fn of_config(call: &Call, config: &Config) -> Result<Option<Self>, Problem> {
        Self::find(call, config.workspace_id, ListRuns { config_id: Some(config.config_id), ..ListRuns::default() }).await
    }

    /// The newest run with a document.
    pub async fn of_document(call: &Call, document: &Document) -> Result<Option<Self>, Problem> {
        Self::find(call, document.workspace_id, ListRuns { document_id: Some(document.document_id), ..ListRuns::default() }).await
    }

    async fn find(call: &Call, workspace: WorkspaceId, wanted: ListRuns) -> Result<Option<Self>, Problem> {
        let newest = call.ade().runs.list(workspace, &wanted, PageRequest { limit: 1, cursor: None }).await?;
        Ok(newest.items.into_iter().next().map(|run| Self {
            id: run.run_id,
            status: run.status,
            created: run.created.seconds(),
            finished: run.finished.map(Timestamp::seconds),
        }))
    }
}
