use ade_core::access::Permission;
use ade_core::id::{ConfigId, DocumentId, WorkspaceId};
use ade_core::run::{ListRuns, RunStatus};
use ade_core::time::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Run, export};
use crate::edge::page::page_request;
use crate::edge::stream::file;
use crate::edge::{Call, List, StreamAnswer, StreamBody, ok};

/// Which runs are wanted; conditions add up.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListRunsQuery {
    /// With this status; repeat it for one of several.
    #[param(inline)]
    pub status: Vec<RunStatus>,
    /// Of this config.
    pub config_id: Option<ConfigId>,
    /// With this document.
    pub input_document_id: Option<DocumentId>,
    /// Submitted by the principal with this id.
    #[param(example = "key_01JZX3Q4T5V6W7X8Y9ZABCDEFG")]
    pub submitted_by: Option<String>,
    /// Created at or after this moment, in Unix seconds.
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub created_after: Option<i64>,
    /// Created before this moment, in Unix seconds.
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub created_before: Option<i64>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List runs
///
/// The runs of a workspace, newest first. With conditions, a page may be short and still have a next one. A run that has just
/// changed may show its former state here for a moment. With `Accept: text/csv` the answer is a table of all of them, whatever
/// `limit` and `cursor` say; texts that a spreadsheet program would take for formulas begin with an apostrophe there.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/runs",
    operation_id = "list-runs",
    tag = "Runs",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace."), ListRunsQuery),
    responses((
        status = 200,
        description = "A page of runs, or all of them as a table.",
        headers(("Content-Disposition" = String, description = "Name of the table: `runs-<workspace>-<time>.csv`.")),
        content((List<Run> = "application/json"), (String = "text/csv")),
    )),
    extensions(("x-ade-streaming" = json!(true)))
)]
pub async fn list_runs(call: Call) -> StreamAnswer {
    let workspace = call.workspace(Permission::RunsRead).await?;
    let query: ListRunsQuery = call.request.query()?;
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let moment = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    let wanted = ListRuns {
        statuses: query.status.into_iter().collect(),
        config_id: query.config_id,
        document_id: query.input_document_id,
        submitted_by: query.submitted_by,
        created_after: query.created_after.map(moment),
        created_before: query.created_before.map(moment),
    };
    let runs = &call.ade().runs;
    if call.request.accepts(export::CSV) {
        let rows = export::rows(runs.clone(), workspace.workspace_id, wanted);
        return file(rows, export::CSV, &export::name(&workspace.slug), call.request.deadline);
    }
    let runs = runs.list(workspace.workspace_id, &wanted, page).await?;
    ok(&List::of(runs, Run::from)).map(|response| response.map(StreamBody::from))
}
