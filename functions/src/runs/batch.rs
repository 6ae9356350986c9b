use ade_core::access::Permission;
use ade_core::id::{ConfigId, DocumentId, WorkspaceId};
use ade_core::run::{NewRun, RunOptions};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create::{DOCUMENTS, check, check_version, documents, earlier};
use super::{Run, start};
use crate::edge::problem::ProblemDocument;
use crate::edge::respond::json;
use crate::edge::{Answer, Call, Checks, List, Owned as _, Problem};
use http::StatusCode;

/// Runs to be created, one for each document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRuns {
    /// The config that is run.
    pub config_id: ConfigId,
    /// The documents: each gets a run of its own.
    #[schema(min_items = 1, max_items = 45)]
    pub input_documents: Vec<DocumentId>,
    /// How each of them is executed.
    #[serde(default, deserialize_with = "crate::edge::body::object")]
    pub options: RunOptions,
}

/// Create runs
///
/// Records one run for each document and starts them in the background: all of them, or, when one can't be created, none.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/runs/batch",
    operation_id = "create-runs",
    tag = "Runs",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    request_body(
        content = CreateRuns,
        example = json!({
            "config_id": "cfg_01JZX3Q4T5V6W7X8Y9ZABCDEFG",
            "input_documents": ["doc_01JZX3Q4T5V6W7X8Y9ZABCDEFG"],
            "options": { "dry_run": false },
        })
    ),
    responses(
        (status = 201, description = "The new runs, in the order of their documents.", body = List<Run>),
        (
            status = 409,
            description = "A document has not been completed (`document_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn create_runs(call: Call) -> Answer {
    let workspace = call.workspace(Permission::RunsManage).await?;
    let CreateRuns { config_id, input_documents, options } = call.request.json()?;
    Checks::new()
        .that(!input_documents.is_empty(), "input_documents", "required", "must name at least one document")
        .that(input_documents.len() <= DOCUMENTS, "input_documents", "too_long", format!("must name at most {DOCUMENTS} documents"))
        .finish()?;
    check(&options)?;
    let config = call.ade().configs.get(config_id).await?.filter(|config| config.workspace() == workspace.workspace_id);
    let config = config.ok_or_else(|| Problem::no_such("config"))?;
    call.note("config_id", config_id);
    check_version(&call, &config, options.version).await?;
    let documents = documents(&call, &config, &input_documents).await?;
    let new = documents.into_iter().map(|document| NewRun {
        workspace_id: config.workspace_id,
        config_id,
        documents: vec![document],
        options: options.clone(),
        submitted_by: call.principal.submitter.clone(),
        trace_id: call.request.trace_id.clone(),
    });
    let mut runs = earlier(&call).await?;
    if runs.is_empty() {
        runs = call.ade().runs.create_all(new.collect(), call.mark.as_ref()).await?;
    }
    join_all(runs.iter().map(|run| start(&call, run))).await;
    json(StatusCode::CREATED, &List::new(runs.into_iter().map(Run::from).collect(), None))
}
