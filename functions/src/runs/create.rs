use ade_core::access::Permission;
use ade_core::build::VersionChoice;
use ade_core::config::Config;
use ade_core::dispatch::{ExecuteRun, Work};
use ade_core::document::Document;
use ade_core::eventlog::Event;
use ade_core::id::{ConfigId, DocumentId, RunId};
use ade_core::run::{self, CreateRunError, NewRun, RunOptions};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Run;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Call, Checks, Kept, Owned as _, Problem, StreamAnswer, StreamBody, created};
use crate::live;

/// Most documents that are looked up for one request.
pub(super) const DOCUMENTS: usize = 45;
const SHEETS: usize = 1000;
/// Longest sheet name, in characters; Excel's own limit is 31.
const SHEET_NAME: usize = 255;
/// Longest options as JSON: they are part of the run's record.
const OPTIONS_BYTES: usize = 64 << 10;
/// Nesting of metadata: storage allows 32 levels in all.
const METADATA_DEPTH: usize = 16;
/// Longest time of a run, in seconds.
pub(crate) const TIMEOUT: u64 = 86_400;

/// A run to be created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CreateRun {
    /// Answer with the run's events as they happen.
    pub stream: bool,
    /// Its documents; none only with `validate_only`.
    #[schema(max_items = 45)]
    pub input_documents: Vec<DocumentId>,
    /// How it is executed.
    #[serde(deserialize_with = "crate::edge::body::object")]
    pub options: RunOptions,
}

/// Create a run
///
/// Records a run and starts it in the background; with `stream`, the answer is its events until `run.completed`. When the config
/// has no usable build, the run builds it first, with the build's events in the run's log. A client that goes away changes
/// nothing: the run goes on, and its events can be followed from anywhere.
#[utoipa::path(
    post,
    path = "/configs/{config_id}/runs",
    operation_id = "create-run",
    tag = "Runs",
    params(("config_id" = ConfigId, Path, description = "The config.")),
    request_body(
        content = CreateRun,
        example = json!({ "stream": true, "input_documents": ["doc_01JZX3Q4T5V6W7X8Y9ZABCDEFG"], "options": { "dry_run": false } })
    ),
    responses(
        (
            status = 200,
            description = "The new run's events; with `stream`.",
            headers(("X-Run-Id" = RunId, description = "The run.")),
            content((Event = "application/x-ndjson")),
        ),
        (status = 201, description = "The new run.", body = Run, headers(("Location" = String, description = "Its path."))),
        (
            status = 409,
            description = "A document has not been completed (`document_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    ),
    extensions(("x-ade-streaming" = json!(true)))
)]
pub async fn create_run(call: Call) -> StreamAnswer {
    let config: ConfigId = call.request.id_in_path("config_id")?;
    call.note("config_id", config);
    let config = call.allow(Permission::RunsManage, call.ade().configs.get(config).await?)?;
    let CreateRun { stream, input_documents, options } = call.request.json()?;
    check(&options)?;
    check_version(&call, &config, options.version).await?;
    let new = NewRun {
        workspace_id: config.workspace_id,
        config_id: config.config_id,
        documents: documents(&call, &config, &input_documents).await?,
        options,
        submitted_by: call.principal.submitter.clone(),
        trace_id: call.request.trace_id.clone(),
    };
    let run = match earlier(&call).await?.pop() {
        Some(run) => run,
        None => call.ade().runs.create_all(vec![new], call.mark.as_ref()).await?.remove(0),
    };
    let id = run.run_id;
    call.note("run_id", id);
    if stream {
        let mut answer = live::answer(&call, run.workspace_id, &run, work_of(&run), "x-run-id").await?;
        answer.extensions_mut().insert(Kept::RunEvents(id));
        return Ok(answer);
    }
    start(&call, &run).await;
    created(&call.request, &format!("/runs/{id}"), &Run::from(run)).map(|response| response.map(StreamBody::from))
}

/// The runs that an earlier try of this request created, of which nobody heard. Starting them again does no harm.
pub(super) async fn earlier(call: &Call) -> Result<Vec<run::Run>, Problem> {
    let ids = call.mark.as_ref().map(|mark| mark.created.clone()).unwrap_or_default();
    let runs = try_join_all(ids.into_iter().map(|id| call.ade().runs.get(id))).await?;
    Ok(runs.into_iter().flatten().collect())
}

/// Starts a new run in the background, unless safe mode has ended it.
pub(super) async fn start(call: &Call, run: &run::Run) {
    if let Some(work) = work_of(run) {
        live::hand_over(call.dispatcher().as_ref(), run.workspace_id, work).await;
    }
}

/// What is to be executed of a new run; nothing when safe mode has ended it.
fn work_of(run: &run::Run) -> Option<Work> {
    (!run.status.is_terminal()).then_some(Work::Run(ExecuteRun { run_id: run.run_id }))
}

/// The documents that are named, all of the config's workspace.
pub(super) async fn documents(call: &Call, config: &Config, ids: &[DocumentId]) -> Result<Vec<Document>, Problem> {
    if ids.len() > DOCUMENTS {
        return Err(CreateRunError::TooManyDocuments.into());
    }
    try_join_all(ids.iter().map(async |id| {
        let document = call.ade().documents.get(*id).await?;
        let document = document.filter(|document| document.workspace_id == config.workspace_id);
        document.ok_or_else(|| Problem::no_such(Document::KIND))
    }))
    .await
}

pub(super) async fn check_version(call: &Call, config: &Config, version: VersionChoice) -> Result<(), Problem> {
    let VersionChoice::Version(id) = version else { return Ok(()) };
    match call.ade().configs.version_by_id(config.config_id, id).await? {
        Some(_) => Ok(()),
        None => Err(Problem::no_such("config version")),
    }
}

pub(super) fn check(options: &RunOptions) -> Result<(), Problem> {
    let sheets = options.input_sheet_names.as_deref().unwrap_or_default();
    let size = serde_json::to_vec(options).map_or(usize::MAX, |json| json.len());
    let mut checks = Checks::new()
        .that(size <= OPTIONS_BYTES, "options", "too_long", format!("must have at most {OPTIONS_BYTES} bytes as JSON"))
        .that(sheets.len() <= SHEETS, "options.input_sheet_names", "too_long", format!("must name at most {SHEETS} sheets"))
        .that(
            !(options.active_sheet_only && options.input_sheet_names.is_some()),
            "options.active_sheet_only",
            "invalid_value",
            "can't be combined with `input_sheet_names`",
        )
        .that(
            options.timeout_seconds.is_none_or(|seconds| (1..=TIMEOUT).contains(&seconds)),
            "options.timeout_seconds",
            "out_of_range",
            format!("must be from 1 to {TIMEOUT}"),
        )
        .that(
            options.metadata.iter().all(|(name, value)| !name.is_empty() && is_storable(value, METADATA_DEPTH)),
            "options.metadata",
            "invalid_value",
            format!("must have non-empty names, at most {METADATA_DEPTH} levels, and numbers between -9e125 and 9e125"),
        );
    for (at, name) in sheets.iter().take(SHEETS).enumerate() {
        checks = checks.line(&format!("options.input_sheet_names[{at}]"), name, SHEET_NAME);
    }
    checks.finish()
}

/// Whether a JSON value can be an attribute of a record
/// ([naming rules and data types](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html)).
fn is_storable(value: &Value, depth: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number.as_f64().is_some_and(|n| n == 0.0 || (1e-130..=9e125).contains(&n.abs())),
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_storable(item, depth - 1)),
        Value::Object(fields) => depth > 0 && fields.iter().all(|(name, value)| !name.is_empty() && is_storable(value, depth - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn accepted(metadata: &Value) -> bool {
        serde_json::from_value::<RunOptions>(json!({ "metadata": metadata })).is_ok_and(|options| check(&options).is_ok())
    }

    #[test]
    fn only_metadata_that_can_be_stored_is_accepted() {
        let mut deep = json!(1);
        for _ in 0..20 {
            deep = json!([deep]);
        }
        assert!(accepted(&json!({"a": {"b": [1, -2.5, null, true, "x"]}, "n": 12_345_678_901_234_567_890_u64})));
        for bad in [
            json!({"": 1}),
            json!({"a": {"": 1}}),
            json!({"a": 1e200}),
            json!({"a": 1e-200}),
            json!({"a": deep}),
            json!({"a": "x".repeat(70_000)}),
        ] {
            assert!(!accepted(&bad));
        }
    }
}
