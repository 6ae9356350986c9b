//! A list of runs as a table for spreadsheet programs.

use std::io;

use ade_core::id::WorkspaceId;
use ade_core::run::{ListRuns, Run, Runs};
use ade_core::store::PageRequest;
use ade_core::store::table::ListError;
use ade_core::time::Timestamp;
use async_stream::try_stream;
use bytes::Bytes;
use futures::Stream;

/// Media type of the table.
pub(super) const CSV: &str = "text/csv";

/// Runs that are read at a time.
const PAGE: usize = 200;

const HEADER: [&str; 18] = [
    "id",
    "status",
    "created",
    "started",
    "finished",
    "documents",
    "config_id",
    "config_version_id",
    "build_id",
    "retry_of_run_id",
    "attempt",
    "submitted_by",
    "exit_code",
    "failure",
    "summary",
    "error_message",
    "rows",
    "issues",
];

/// Why a table ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error(transparent)]
    List(#[from] ListError),
    #[error("a row can't be written: {0}")]
    Row(#[from] io::Error),
}

/// The name of a table that is made now: `runs-<workspace>-<time>.csv`.
pub(super) fn name(slug: &str) -> String {
    let time: String = time(Timestamp::now()).chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("runs-{slug}-{time}.csv")
}

/// The table, as it is read.
pub(super) fn rows(runs: Runs, workspace: WorkspaceId, wanted: ListRuns) -> impl Stream<Item = Result<Bytes, ExportError>> + Send {
    try_stream! {
        yield lines([HEADER.map(str::to_owned)])?;
        let mut cursor = None;
        loop {
            let page = runs.list(workspace, &wanted, PageRequest { limit: PAGE, cursor }).await?;
            if !page.items.is_empty() {
                yield lines(page.items.into_iter().map(row))?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
}

fn row(run: Run) -> [String; 18] {
    let maybe = |value: Option<Timestamp>| value.map(time).unwrap_or_default();
    let documents: Vec<&str> = run.input_documents.iter().map(|document| document.name.as_str()).collect();
    [
        run.run_id.to_string(),
        run.status.word().to_owned(),
        time(run.created),
        maybe(run.started),
        maybe(run.finished),
        documents.join("; "),
        run.config_id.to_string(),
        text(run.config_version_id),
        text(run.build_id),
        text(run.retry_of_run_id),
        run.execution.attempt.to_string(),
        run.submitted_by.name,
        text(run.outcome.report.exit_code),
        text(run.outcome.failure.map(|failure| failure.code.word())),
        run.outcome.report.summary.unwrap_or_default(),
        run.outcome.error_message.unwrap_or_default(),
        text(run.outcome.report.result.as_ref().map(|result| result.rows)),
        text(run.outcome.report.result.as_ref().map(|result| result.issues)),
    ]
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A moment in UTC, to the second.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.seconds()).map_or_else(|_| at.seconds().to_string(), |time| time.to_string())
}

fn lines(rows: impl IntoIterator<Item = [String; 18]>) -> io::Result<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.map(harmless))?;
    }
    Ok(writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?.into())
}

/// A text that no spreadsheet program takes for a formula
/// ([OWASP: CSV injection](https://owasp.org/www-community/attacks/CSV_Injection)).
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_cell_is_a_formula_and_every_cell_reads_back(cells in proptest::array::uniform18("[=+@\\-\t\r\n\"',;a＝]{0,6}|\\PC{0,20}")) {
            let written = lines([cells.clone()]).unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&written[..]);
            let read: Vec<String> = reader.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
            for (cell, read) in cells.iter().zip(&read) {
                prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
                prop_assert_eq!(read.strip_prefix('\'').filter(|_| !cell.starts_with('\'')).unwrap_or(read), cell);
            }
        }
    }

    #[test]
    fn the_name_says_whose_runs_and_when() {
        let name = name("finance");
        assert!(name.starts_with("runs-finance-2") && name.ends_with("Z.csv"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)), "{name}");
    }
}
