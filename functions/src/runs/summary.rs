use std::collections::BTreeMap;

use ade_core::id::RunId;
use ade_core::layout::truncate;
use ade_core::run::{RunResult, RunStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit;
use super::get::find;
use crate::edge::object::object_name;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, ok};

/// Most tables, findings and fields that are described.
const TABLES: usize = 200;
/// Most columns that are described, of all tables together.
const COLUMNS: usize = 4000;
/// Most bytes of a header, a name or a message.
const TEXT: usize = 500;

object_name!(RunSummaryObject, "ade.run.summary");

/// What a run found and made of it: the artifact without its details.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// The run.
    pub run_id: RunId,
    /// Always `ade.run.summary`.
    pub object: RunSummaryObject,
    /// How the run ended.
    pub status: RunStatus,
    /// How much was recognised: `success`, `partial`, `failure` or `unknown`.
    #[schema(example = "success")]
    pub outcome: Option<String>,
    /// The engine that ran.
    pub engine_version: Option<String>,
    /// In numbers.
    pub counts: Option<RunResult>,
    /// Each field that columns were mapped to, by name.
    pub fields: Vec<FieldSummary>,
    /// The tables, in the order of the documents.
    pub tables: Vec<TableSummary>,
    /// What people should know.
    pub findings: Vec<FindingSummary>,
    /// Whether there is more of something than is described here; the artifact has it all.
    pub truncated: bool,
}

/// What became of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldSummary {
    /// Its name.
    #[schema(example = "email")]
    pub field: String,
    /// Columns that were mapped to it.
    pub columns: u64,
}

/// What was found in a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TableSummary {
    /// The document.
    #[schema(example = "contacts.xlsx")]
    pub source_file: String,
    /// Its sheet.
    #[schema(example = "Contacts")]
    pub source_sheet: String,
    /// Place among the tables of the sheet, from 0.
    pub table_index: u64,
    /// Its cells in the document, header included.
    #[schema(example = "A4:F20")]
    pub region: String,
    /// Data rows in the document.
    pub source_rows: u64,
    /// Data rows in the output.
    pub output_rows: u64,
    /// Cells with an issue.
    pub issues: u64,
    /// Columns that got a field.
    pub mapped_columns: Vec<MappedColumn>,
    /// Columns that did not.
    pub unmapped_columns: Vec<UnmappedColumn>,
}

/// A column that got a field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct MappedColumn {
    /// The field.
    #[schema(example = "email")]
    pub field: String,
    /// Its header in the document.
    #[schema(example = "E-Mail")]
    pub header: String,
    /// Its column in the sheet, from 0.
    pub source_column_index: u64,
    /// How sure the mapping is.
    pub score: f64,
}

/// A column that got no field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UnmappedColumn {
    /// Its header in the document.
    #[schema(example = "Remarks")]
    pub header: String,
    /// Its column in the sheet, from 0.
    pub source_column_index: u64,
    /// Why: `no_signal`, `duplicate_field` or `empty_or_placeholder_header`.
    #[schema(example = "no_signal")]
    pub reason: String,
}

/// Something that people should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingSummary {
    /// What it is, for programs.
    #[schema(example = "fields_not_detected")]
    pub code: String,
    /// `info`, `warning` or `error`.
    #[schema(example = "warning")]
    pub severity: String,
    /// What it is, for people.
    pub message: String,
    /// How often.
    pub count: u64,
}

/// Get the summary of a run
///
/// Counts, fields, tables and findings of a run that is over, from its artifact.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/summary",
    operation_id = "get-run-summary",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run.")),
    responses(
        (status = 200, description = "The summary.", body = RunSummary),
        (
            status = 409,
            description = "The run is not over yet (`output_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn get_run_summary(call: Call) -> Answer {
    let run = find(&call).await?;
    let (audit, mut found) = audit::read(&call, &run, Found::default(), Found::look).await?;
    found.truncated |= audit.notes.len() > TABLES || found.fields.len() > TABLES;
    let findings = audit.notes.into_iter().take(TABLES).map(|note| FindingSummary {
        code: short(note.code),
        severity: short(note.severity),
        message: short(note.message),
        count: note.count,
    });
    ok(&RunSummary {
        run_id: run.run_id,
        object: RunSummaryObject::Name,
        status: run.status,
        outcome: audit.run.outcome.map(short),
        engine_version: audit.run.engine_version.map(short),
        counts: run.outcome.report.result,
        fields: found.fields.into_iter().take(TABLES).map(|(field, columns)| FieldSummary { field, columns }).collect(),
        tables: found.tables,
        findings: findings.collect(),
        truncated: found.truncated,
    })
}

/// A summary, as far as the artifact has been read.
#[derive(Default)]
struct Found {
    fields: BTreeMap<String, u64>,
    tables: Vec<TableSummary>,
    columns: usize,
    truncated: bool,
}

/// A table of an artifact.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AuditedTable {
    source_file: String,
    source_sheet: String,
    table_index: u64,
    region: String,
    rows: Rows,
    mapped_columns: Vec<MappedColumn>,
    unmapped_columns: Vec<UnmappedColumn>,
    validation_issue_count: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rows {
    source: u64,
    output: u64,
}

impl Found {
    fn look(&mut self, mut table: AuditedTable) {
        for column in &mut table.mapped_columns {
            column.field = short(std::mem::take(&mut column.field));
            column.header = short(std::mem::take(&mut column.header));
            if let Some(columns) = self.fields.get_mut(&column.field) {
                *columns += 1;
            } else if self.fields.len() <= TABLES {
                self.fields.insert(column.field.clone(), 1);
            }
        }
        if self.tables.len() == TABLES {
            self.truncated = true;
            return;
        }
        for column in &mut table.unmapped_columns {
            column.header = short(std::mem::take(&mut column.header));
        }
        self.truncated |= self.columns + table.mapped_columns.len() + table.unmapped_columns.len() > COLUMNS;
        table.mapped_columns.truncate(COLUMNS - self.columns);
        self.columns += table.mapped_columns.len();
        table.unmapped_columns.truncate(COLUMNS - self.columns);
        self.columns += table.unmapped_columns.len();
        self.tables.push(TableSummary {
            source_file: table.source_file,
            source_sheet: table.source_sheet,
            table_index: table.table_index,
            region: table.region,
            source_rows: table.rows.source,
            output_rows: table.rows.output,
            issues: table.validation_issue_count,
            mapped_columns: table.mapped_columns,
            unmapped_columns: table.unmapped_columns,
        });
    }
}

fn short(mut text: String) -> String {
    text.truncate(truncate(&text, TEXT).len());
    text
}
