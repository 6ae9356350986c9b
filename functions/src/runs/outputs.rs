use ade_core::id::RunId;
use ade_core::run;
use ade_core::store::{ObjectInfo, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::get::find;
use crate::edge::object::object_name;
use crate::edge::page::{DEFAULT_LIMIT, LIMIT, checked_limit};
use crate::edge::problem::{FieldError, ProblemDocument};
use crate::edge::{Answer, Call, List, PageQuery, Problem, ok};

/// How many objects are asked about at the same time.
const CONCURRENT: usize = 16;

object_name!(RunOutputObject, "ade.run.output");

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A workbook.
    Workbook,
    /// Delimited text.
    Table,
    /// Anything else.
    File,
}

impl OutputKind {
    pub(super) fn of(name: &str) -> Self {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        match extension.as_str() {
            "xlsx" | "xlsm" | "xlsb" | "xls" | "ods" => Self::Workbook,
            "csv" | "tsv" => Self::Table,
            _ => Self::File,
        }
    }
}

/// A file that a run produced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunOutput {
    /// Always `ade.run.output`.
    pub object: RunOutputObject,
    /// Its path among the run's outputs.
    #[schema(example = "contacts_normalized.xlsx")]
    pub name: String,
    /// What it is.
    pub kind: OutputKind,
    /// Its media type.
    #[schema(example = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")]
    pub content_type: String,
    /// Its size in bytes.
    #[schema(example = 18_764)]
    pub byte_size: u64,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: Option<String>,
}

/// List the outputs of a run
///
/// The files it produced, by name. Empty for a run that failed or wrote nothing.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/outputs",
    operation_id = "list-run-outputs",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run."), PageQuery),
    responses(
        (status = 200, description = "A page of outputs.", body = List<RunOutput>),
        (
            status = 409,
            description = "The run is not over yet (`output_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn list_run_outputs(call: Call) -> Answer {
    let run = find(&call).await?;
    let query: PageQuery = call.request.query()?;
    let limit = checked_limit(query.limit, DEFAULT_LIMIT, LIMIT)?;
    let after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    finished(&run)?;
    let objects = &call.ade().objects;
    let Some(prefix) = run.outcome.report.output_uri.as_deref().and_then(|uri| objects.key_of(uri)) else {
        return ok(&List::<RunOutput>::new(Vec::new(), None));
    };
    let after = after.map(|name| format!("{prefix}{name}"));
    let mut listed = objects.list(prefix, after.as_deref(), limit + 1).await?;
    let more = listed.len() > limit;
    listed.truncate(limit);
    let described = listed.into_iter().map(async |object| Ok::<_, StoreError>(objects.head(&object.key).await?.unwrap_or(object)));
    let described: Vec<ObjectInfo> = futures::stream::iter(described).buffered(CONCURRENT).try_collect().await?;
    let outputs: Vec<RunOutput> = described.into_iter().map(|object| output(prefix, object)).collect();
    let next = outputs.last().filter(|_| more).map(|output| URL_SAFE_NO_PAD.encode(&output.name));
    ok(&List::new(outputs, next))
}

/// 409 unless the run is over: only then the record says which attempt's files count.
pub(super) fn finished(run: &run::Run) -> Result<(), Problem> {
    if run.status.is_terminal() {
        return Ok(());
    }
    let detail = format!("The run is {}; its files are there when it is over.", run.status.word());
    Err(Problem::conflict("output_not_ready", detail))
}

fn output(prefix: &str, object: ObjectInfo) -> RunOutput {
    let name = object.key.strip_prefix(prefix).unwrap_or(&object.key).to_owned();
    RunOutput {
        object: RunOutputObject::Name,
        kind: OutputKind::of(&name),
        name,
        content_type: object.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        byte_size: object.byte_size,
        sha256: object.sha256,
    }
}

fn decode_cursor(text: &str) -> Result<String, Problem> {
    let name = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.filter(|name| name.len() <= 1024)
        .ok_or_else(|| Problem::invalid(vec![FieldError::new("cursor", "invalid_cursor", "not a cursor of this list")]))
}
