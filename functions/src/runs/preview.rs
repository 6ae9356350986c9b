use ade_core::id::RunId;
use ade_core::store::ObjectInfo;
use serde::Deserialize;
use utoipa::IntoParams;

use super::download::is_plain;
use super::get::find;
use super::outputs::{OutputKind, finished};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem};
use crate::previews::{self, PreviewQuery, SheetPreview};

/// How many outputs are looked through for one that can be shown.
const LOOKED_THROUGH: usize = 1000;

/// Which rows of which output are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewRunOutputQuery {
    /// The output's name; else the first workbook, or the first text table when there is none.
    #[param(min_length = 1, max_length = 900, example = "contacts_normalized.xlsx")]
    pub path: Option<String>,
    /// The name of the sheet; else the one that is in front.
    #[param(min_length = 1, max_length = 255)]
    pub sheet: Option<String>,
    /// How many rows to pass over.
    #[param(minimum = 0, maximum = 100_000_000, default = 0)]
    pub offset: Option<u32>,
    /// Most rows.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
}

/// Preview an output of a run
///
/// Some rows of a sheet of a workbook or text table that the run produced, as `preview-document` shows them of a document.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/preview",
    operation_id = "preview-run-output",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run."), PreviewRunOutputQuery),
    responses(
        (status = 200, description = "The rows.", body = SheetPreview),
        (
            status = 409,
            description = "The run is not over yet (`output_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 422,
            description = "The output is no workbook or text table (`document_kind_unsupported`), can't be read (`document_unreadable`), or not \
                without reading more than a preview may (`preview_too_large`); or a parameter can't be accepted.",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn preview_run_output(call: Call) -> Answer {
    let run = find(&call).await?;
    let PreviewRunOutputQuery { path, sheet, offset, limit } = call.request.query()?;
    finished(&run)?;
    let no_such = || Problem::no_such("output");
    let prefix = run.outcome.report.output_uri.as_deref().and_then(|uri| call.ade().objects.key_of(uri)).ok_or_else(no_such)?;
    let object = match path {
        Some(path) if is_plain(&path) => call.ade().objects.head(&format!("{prefix}{path}")).await?,
        Some(_) => None,
        None => main_output(&call, prefix).await?,
    };
    let object = object.ok_or_else(no_such)?;
    let name = object.key.rsplit('/').next().unwrap_or_default().to_owned();
    previews::preview(&call, object, &name, PreviewQuery { sheet, offset, limit }).await
}

/// The output that people want to see first.
async fn main_output(call: &Call, prefix: &str) -> Result<Option<ObjectInfo>, Problem> {
    let outputs = call.ade().objects.list(prefix, None, LOOKED_THROUGH).await?;
    let first = |kind: OutputKind| outputs.iter().find(|output| OutputKind::of(&output.key) == kind);
    Ok(first(OutputKind::Workbook).or_else(|| first(OutputKind::Table)).cloned())
}
