use ade_core::id::RunId;
use ade_core::layout::truncate;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit;
use super::get::find;
use crate::edge::object::object_name;
use crate::edge::page::{DEFAULT_LIMIT, LIMIT, checked_limit};
use crate::edge::problem::{FieldError, ProblemDocument};
use crate::edge::{Answer, Call, List, Problem, ok};

/// Most bytes of a cell's value, or of what is said about it, that are shown.
const TEXT: usize = 2000;

object_name!(RunIssueObject, "ade.run.issue");

/// Which issues are wanted; conditions add up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListRunIssuesQuery {
    /// Of this field.
    #[param(example = "email")]
    pub field: Option<String>,
    /// With this severity.
    #[param(example = "warning")]
    pub severity: Option<String>,
    /// In tables of the source sheet with this name.
    #[param(example = "Contacts")]
    pub sheet: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A cell that a rule objects to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunIssue {
    /// Always `ade.run.issue`.
    pub object: RunIssueObject,
    /// The document.
    #[schema(example = "contacts.xlsx")]
    pub source_file: String,
    /// Its sheet.
    #[schema(example = "Contacts")]
    pub source_sheet: String,
    /// Place of the table among the tables of the sheet, from 0.
    pub table_index: u64,
    /// The cell in the document; null when a rule made the row.
    #[schema(example = "Contacts!C17")]
    pub cell: Option<String>,
    /// The cell in the output; null when there is none.
    #[schema(example = "Contacts!C9")]
    pub output_cell: Option<String>,
    /// The field.
    #[schema(example = "email")]
    pub field: String,
    /// What is wrong, for programs.
    #[schema(example = "invalid_format")]
    pub code: String,
    /// How bad it is.
    #[schema(example = "warning")]
    pub severity: String,
    /// What is wrong, for people.
    #[schema(example = "not an e-mail address")]
    pub message: String,
    /// The value; long ones are cut.
    #[schema(example = "ada@")]
    pub value: Option<String>,
}

/// List the issues of a run
///
/// One item for each cell that a rule objects to, in the order of the artifact, which names the first 10,000 of a table.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/issues",
    operation_id = "list-run-issues",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run."), ListRunIssuesQuery),
    responses(
        (status = 200, description = "A page of issues.", body = List<RunIssue>),
        (
            status = 409,
            description = "The run is not over yet (`output_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn list_run_issues(call: Call) -> Answer {
    let run = find(&call).await?;
    let query: ListRunIssuesQuery = call.request.query()?;
    let limit = checked_limit(query.limit, DEFAULT_LIMIT, LIMIT)?;
    let skip = query.cursor.as_deref().map_or(Ok(0), decode_cursor)?;
    // One more than the page holds, to know whether another follows.
    let wanted = Wanted { query, skip, take: limit + 1, passed: 0, found: Vec::new() };
    let (_, Wanted { mut found, .. }) = audit::read(&call, &run, wanted, Wanted::look).await?;
    let next = (found.len() > limit).then(|| URL_SAFE_NO_PAD.encode((skip + limit as u64).to_string()));
    found.truncate(limit);
    ok(&List::new(found, next))
}

/// A page of issues, as far as it has been read.
struct Wanted {
    query: ListRunIssuesQuery,
    skip: u64,
    take: usize,
    passed: u64,
    found: Vec<RunIssue>,
}

/// A table of an artifact.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AuditedTable {
    source_file: String,
    source_sheet: String,
    table_index: u64,
    validation_issues: Vec<Issue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Issue {
    cell: Option<String>,
    output_cell: Option<String>,
    field: String,
    code: String,
    severity: String,
    message: String,
    value: Option<String>,
}

impl Wanted {
    fn look(&mut self, table: AuditedTable) {
        let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        if !is(&self.query.sheet, &table.source_sheet) {
            return;
        }
        for issue in table.validation_issues {
            if self.found.len() == self.take {
                return;
            }
            if !is(&self.query.field, &issue.field) || !is(&self.query.severity, &issue.severity) {
                continue;
            }
            self.passed += 1;
            if self.passed > self.skip {
                self.found.push(RunIssue {
                    object: RunIssueObject::Name,
                    source_file: table.source_file.clone(),
                    source_sheet: table.source_sheet.clone(),
                    table_index: table.table_index,
                    cell: issue.cell,
                    output_cell: issue.output_cell,
                    field: issue.field,
                    code: issue.code,
                    severity: issue.severity,
                    message: truncate(&issue.message, TEXT).to_owned(),
                    value: issue.value.map(|value| truncate(&value, TEXT).to_owned()),
                });
            }
        }
    }
}

fn decode_cursor(text: &str) -> Result<u64, Problem> {
    let position = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<u64>().ok());
    // Beyond what any artifact holds is no position that we gave out.
    let position = position.filter(|position| *position < u64::from(u32::MAX));
    position.ok_or_else(|| Problem::invalid(vec![FieldError::new("cursor", "invalid_cursor", "not a cursor of this list")]))
}
