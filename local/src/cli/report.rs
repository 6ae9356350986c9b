//! What a person reads when a run is over: what was found and mapped, and where the files are.

use std::env;
use std::path::Path;

use ade_core::run::RunStatus;
use comfy_table::{ContentArrangement, Table, presets};
use console::style;
use indicatif::{HumanBytes, HumanCount};
use serde::Deserialize;

use super::CliError;
use super::display::{seconds, visible};
use super::run::Finished;
use super::sheet;

/// How many issues are shown one by one.
const ISSUES: usize = 5;

/// The parts of `artifact.json` that are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Artifact {
    tables: Vec<TableRecord>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TableRecord {
    source_sheet: String,
    rows: Option<Rows>,
    mapped_columns: Vec<MappedColumn>,
    unmapped_columns: Vec<UnmappedColumn>,
    validation_issues: Vec<Issue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Issue {
    cell: Option<String>,
    field: String,
    message: String,
    value: serde_json::Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rows {
    output: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MappedColumn {
    field: String,
    header: Option<String>,
    score: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct UnmappedColumn {
    header: Option<String>,
}

/// Prints the report to stdout.
pub(super) fn print(finished: &Finished) -> Result<(), CliError> {
    println!("{}", headline(finished));
    if let Some(path) = &finished.artifact {
        let artifact = read(path)?;
        if !artifact.tables.is_empty() {
            println!("\n{}\n", tables(&artifact));
            print_issues(&artifact);
        }
    }
    for (output, path) in &finished.outputs {
        println!("  clean workbook  {}  {}", style(shown(path)).bold(), style(HumanBytes(output.byte_size)).dim());
    }
    if let Some(path) = &finished.artifact {
        println!("  audit record    {}", style(shown(path)).bold());
    }
    Ok(())
}

fn headline(finished: &Finished) -> String {
    let run = &finished.run;
    let took = finished.took.map(|took| format!(" in {}", seconds(took))).unwrap_or_default();
    if run.status != RunStatus::Succeeded {
        return format!("{} Run {} {}", style("✗").red().bold(), run.id, run.status.word());
    }
    let counts = run.result.as_ref().map(|result| {
        let (tables, rows) = (counted(result.tables, "table"), counted(result.rows, "row"));
        let (mapped, issues) = (counted(result.mapped_columns, "mapped column"), counted(result.issues, "issue"));
        format!(": {tables}, {rows}, {mapped}, {issues}")
    });
    format!("{} Run succeeded{took}{}", style("✓").green().bold(), counts.unwrap_or_default())
}

fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

fn tables(artifact: &Artifact) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["sheet", "rows", "mapped", "from", "score", "not mapped", "issues"]);
    for record in &artifact.tables {
        let lines = |line: &dyn Fn(&MappedColumn) -> String| record.mapped_columns.iter().map(line).collect::<Vec<_>>().join("\n");
        let unmapped: Vec<String> = record.unmapped_columns.iter().filter_map(|column| column.header.as_deref()).map(visible).collect();
        table.add_row([
            visible(&record.source_sheet),
            record.rows.as_ref().map_or_else(|| "–".to_owned(), |rows| HumanCount(rows.output).to_string()),
            lines(&|column| visible(&column.field)),
            lines(&|column| column.header.as_deref().map(visible).unwrap_or_default()),
            lines(&|column| column.score.map(|score| format!("{score:.2}")).unwrap_or_default()),
            unmapped.join("\n"),
            record.validation_issues.len().to_string(),
        ]);
    }
    table
}

/// The first issues, each with the cell of the messy workbook that has it.
fn print_issues(artifact: &Artifact) {
    let issues: Vec<&Issue> = artifact.tables.iter().flat_map(|table| &table.validation_issues).collect();
    for issue in issues.iter().take(ISSUES) {
        let cell = issue.cell.as_deref().unwrap_or("a cell that a rule made");
        let value = visible(&sheet::shown(&issue.value));
        println!("  {} {}: {} {value:?}: {}", style("issue").yellow(), visible(cell), visible(&issue.field), visible(&issue.message));
    }
    if issues.len() > ISSUES {
        println!("  and {} more, all in the audit record", HumanCount((issues.len() - ISSUES) as u64));
    }
    if !issues.is_empty() {
        println!();
    }
}

fn read(path: &Path) -> Result<Artifact, CliError> {
    let unusable = |error: &dyn std::fmt::Display| {
        CliError::failed(format!("cannot read {}: {error}", path.display())).hint("`ade runs outputs RUN --out DIR` downloads it again")
    };
    let text = std::fs::read(path).map_err(|error| unusable(&error))?;
    serde_json::from_slice(&text).map_err(|error| unusable(&error))
}

/// A path as short as it can be told from here.
pub(super) fn shown(path: &Path) -> String {
    let here = env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path).display().to_string()
}
