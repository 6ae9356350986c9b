//! `artifact.json`, the audit record of a run (`ade.artifact/v1`).
//!
//! The engine writes one per document. A run of several documents has one with the tables of all; a run whose engine left none
//! (it was stopped, or knows no artifacts) has one made from the engine's last event and from how the run ended. Whatever an engine
//! left is checked before it is believed: it is a regular file of bounded size that parses as an artifact.

use std::io::{self, Write as _};
use std::path::Path;

use ade_core::time::Timestamp;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::stop::Failed;

/// Its name in a log directory.
pub(super) const FILE_NAME: &str = "artifact.json";
const SCHEMA: &str = "ade.artifact/v1";
/// Largest artifact that is read.
const SIZE_LIMIT: u64 = 256 << 20;

/// An artifact as an engine left it.
#[derive(Debug, Deserialize)]
pub(super) struct Artifact {
    schema: String,
    /// About the run.
    pub(super) run: RunRecord,
    #[serde(default)]
    config: Option<Box<RawValue>>,
    #[serde(default)]
    tables: Vec<Box<RawValue>>,
    #[serde(default)]
    notes: Vec<Box<RawValue>>,
}

/// What an artifact says about the run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunRecord {
    engine_version: Option<String>,
    outcome: Option<String>,
    /// Why it failed.
    pub(super) error: Option<EngineError>,
}

/// A failure as the engine tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EngineError {
    pub(super) code: String,
    pub(super) stage: String,
    pub(super) message: String,
}

/// What an artifact adds up to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) tables: u64,
    pub(super) rows: u64,
    pub(super) mapped_columns: u64,
    pub(super) unmapped_columns: u64,
    pub(super) issues: u64,
}

impl Artifact {
    /// Reads what an engine left at `path`; `None` when that is nothing usable.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let metadata = match std::fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !metadata.is_file() || metadata.len() > SIZE_LIMIT {
            return Ok(None);
        }
        let artifact = serde_json::from_slice::<Self>(&std::fs::read(path)?).ok();
        Ok(artifact.filter(|artifact| artifact.schema == SCHEMA))
    }

    /// An artifact made from the data of the engine's completion event.
    pub(super) fn from_event(document: &str, data: &Value) -> Self {
        let failure = &data["execution"]["failure"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let error = failure.is_object().then(|| EngineError {
            code: text(&failure["code"]),
            stage: text(&failure["stage"]),
            message: text(&failure["message"]),
        });
        let tables = each(&data["workbooks"])
            .flat_map(|workbook| each(&workbook["sheets"]))
            .flat_map(|sheet| each(&sheet["tables"]).map(move |table| (sheet, table)))
            .filter_map(|(sheet, table)| raw(&table_record(document, sheet, table)))
            .collect();
        let notes = each(&data["evaluation"]["findings"]).filter_map(raw).collect();
        let outcome = data["evaluation"]["outcome"].as_str().map(str::to_owned);
        Self { schema: SCHEMA.to_owned(), run: RunRecord { engine_version: None, outcome, error }, config: None, tables, notes }
    }

    /// What it adds up to.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts { tables: self.tables.len() as u64, ..Counts::default() };
        for table in &self.tables {
            let Ok(table) = serde_json::from_str::<TableCounts>(table.get()) else { continue };
            counts.rows += table.rows.output;
            counts.mapped_columns += table.mapped_columns.0;
            counts.unmapped_columns += table.unmapped_columns.0;
            counts.issues += table.validation_issue_count.unwrap_or(table.validation_issues.0);
        }
        counts
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            tables: self.tables + other.tables,
            rows: self.rows + other.rows,
            mapped_columns: self.mapped_columns + other.mapped_columns,
            unmapped_columns: self.unmapped_columns + other.unmapped_columns,
            issues: self.issues + other.issues,
        }
    }
}

/// What a run's own artifact says besides what the engine's artifacts say.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    pub(super) status: &'static str,
    pub(super) started: Timestamp,
    pub(super) completed: Timestamp,
    pub(super) engine_version: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: &'a [String],
    pub(super) failed: Option<&'a Failed>,
}

/// Writes one artifact with what all `parts` say.
pub(super) fn write(path: &Path, whole: &Whole<'_>, parts: &[Artifact]) -> io::Result<()> {
    #[derive(Serialize)]
    struct File<'a> {
        schema: &'static str,
        run: Value,
        config: Option<&'a RawValue>,
        tables: Vec<&'a RawValue>,
        notes: Vec<&'a RawValue>,
    }
    let error = parts.iter().find_map(|part| part.run.error.clone()).or_else(|| {
        let failed = whole.failed?;
        let code = failed.failure.code.word().to_owned();
        Some(EngineError { code, stage: failed.failure.stage.clone(), message: failed.message.clone() })
    });
    let outputs: Vec<Value> = whole.outputs.iter().map(|path| serde_json::json!({ "kind": "normalized", "path": path })).collect();
    let file = File {
        schema: SCHEMA,
        run: serde_json::json!({
            "status": whole.status,
            "started_at": rfc3339(whole.started),
            "completed_at": rfc3339(whole.completed),
            "engine_version": parts.iter().find_map(|part| part.run.engine_version.as_deref()).unwrap_or(whole.engine_version),
            "input": whole.inputs.join(", "),
            "outputs": outputs,
            "outcome": outcome(parts),
            "error": error,
        }),
        config: parts.iter().find_map(|part| part.config.as_deref()),
        tables: parts.iter().flat_map(|part| &part.tables).map(AsRef::as_ref).collect(),
        notes: parts.iter().flat_map(|part| &part.notes).map(AsRef::as_ref).collect(),
    };
    let mut writer = io::BufWriter::new(std::fs::File::create(path)?);
    serde_json::to_writer(&mut writer, &file)?;
    writer.flush()
}

/// How much was recognised, over all documents.
fn outcome(parts: &[Artifact]) -> &str {
    let mut outcomes = parts.iter().map(|part| part.run.outcome.as_deref().unwrap_or("unknown"));
    let Some(first) = outcomes.next() else { return "unknown" };
    if outcomes.all(|outcome| outcome == first) { first } else { "partial" }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TableCounts {
    rows: Rows,
    mapped_columns: Length,
    unmapped_columns: Length,
    validation_issues: Length,
    validation_issue_count: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Rows {
    output: u64,
}

/// The length of a list whose elements do not matter.
#[derive(Default)]
struct Length(u64);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = Length;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Length, A::Error> {
                let mut length = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    length += 1;
                }
                Ok(Length(length))
            }
        }
        deserializer.deserialize_seq(Count)
    }
}

/// A table as an artifact has it, from what the completion event says about it: everything but what each detector gave.
fn table_record(document: &str, sheet: &Value, table: &Value) -> Value {
    let structure = &table["structure"];
    let (region, header) = (structure["region"]["a1"].as_str().unwrap_or_default(), &structure["header"]);
    let first_column = column_of(region);
    let columns = |mapped: bool| {
        let wanted = each(&structure["columns"]).filter(move |column| (column["mapping"]["status"] == "mapped") == mapped);
        wanted.map(move |column| column_record(column, first_column, mapped)).collect::<Vec<_>>()
    };
    let normalized = &table["outputs"]["normalized"];
    let output = normalized["range_a1"].as_str().and_then(|range| range.rsplit_once('!'));
    serde_json::json!({
        "source_file": document,
        "source_sheet": sheet["locator"]["sheet"]["name"],
        "table_index": table["locator"]["table"]["index"],
        "region": region,
        "header": {
            "row_index": header["row_start"],
            "row_count": header["row_count"],
            "inferred": header["inferred"],
            "cells": each(&structure["columns"]).map(|column| &column["header"]["raw"]).collect::<Vec<_>>(),
        },
        "rows": { "source": table["counts"]["rows"]["total"], "output": table["validation"]["rows_evaluated"].as_u64().unwrap_or_default() },
        "output": output.map(|(_, range)| serde_json::json!({ "sheet": normalized["sheet_name"], "range": range })),
        "mapped_columns": columns(true),
        "unmapped_columns": columns(false),
        "derived_columns": [],
        "validation_issues": [],
        "validation_issue_count": table["validation"]["issues_total"].as_u64().unwrap_or_default(),
    })
}

fn column_record(column: &Value, first_column: u64, mapped: bool) -> Value {
    let mapping = &column["mapping"];
    let mut record = serde_json::json!({
        "header": column["header"]["raw"],
        "source_column_index": first_column + column["index"].as_u64().unwrap_or_default(),
        "contributions": [],
        "runner_up": null,
    });
    if mapped {
        record["field"] = mapping["field"].clone();
        record["score"] = mapping["score"].clone();
    } else {
        record["empty"] = (column["non_empty_cells"] == 0).into();
        record["reason"] = mapping["unmapped_reason"].clone();
    }
    record
}

/// The column in which a region like `C4:F20` begins; A is 0.
fn column_of(region: &str) -> u64 {
    let letters = region.bytes().take_while(u8::is_ascii_uppercase).take(3);
    letters.fold(0, |column, letter| column * 26 + u64::from(letter - b'A') + 1).saturating_sub(1)
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn raw(value: &Value) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}

fn rfc3339(at: Timestamp) -> Option<String> {
    jiff::Timestamp::from_millisecond(at.millis()).ok().map(|at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn artifact(table: &str) -> Artifact {
        let text = format!(
            r#"{{"schema":"ade.artifact/v1","run":{{"engine_version":"9","error":null}},"config":{{"name":"c"}},
            "tables":[{{"source_file":"{table}","rows":{{"output":3}},"mapped_columns":[{{}},{{}}],"unmapped_columns":[{{}}],"validation_issue_count":4}}],"notes":[1]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn several_artifacts_become_one_with_the_tables_of_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let parts = [artifact("a.xlsx"), artifact("b.csv")];
        let whole = Whole {
            status: "succeeded",
            started: Timestamp::from_millis(1_000),
            completed: Timestamp::from_millis(2_500),
            engine_version: "0",
            inputs: vec!["a.xlsx", "b.csv"],
            outputs: &["x/a.xlsx".to_owned()],
            failed: None,
        };
        write(&path, &whole, &parts).unwrap();
        let written: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(written["run"]["started_at"], "1970-01-01T00:00:01.000Z");
        assert_eq!(written["run"]["engine_version"], "9");
        assert_eq!(written["tables"].as_array().unwrap().iter().map(|t| t["source_file"].clone()).collect::<Vec<_>>(), ["a.xlsx", "b.csv"]);
        assert_eq!(written["notes"], serde_json::json!([1, 1]));
        let counts = parts[0].counts() + parts[1].counts();
        assert_eq!(counts, Counts { tables: 2, rows: 6, mapped_columns: 4, unmapped_columns: 2, issues: 8 });
        assert_eq!(Artifact::read(&path).unwrap().unwrap().counts(), counts);
    }

    #[test]
    fn what_is_not_an_artifact_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        assert!(Artifact::read(&path).unwrap().is_none());
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(Artifact::read(&path).unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
        for text in ["", "{}", "[1]", r#"{"schema":"other","run":{}}"#] {
            std::fs::write(&path, text).unwrap();
            assert!(Artifact::read(&path).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn an_engine_without_artifacts_gets_one_from_its_last_event() {
        let data = serde_json::json!({
            "execution": {"failure": {"code": "hook_error", "stage": "on_sheet_end", "message": "no"}},
            "evaluation": {"outcome": "partial", "findings": [{"code": "fields_not_detected"}]},
            "workbooks": [{"sheets": [{"locator": {"sheet": {"name": "S"}}, "tables": [{
                "locator": {"table": {"index": 0}},
                "validation": {"rows_evaluated": 7, "issues_total": 2},
                "outputs": {"normalized": {"sheet_name": "S", "range_a1": "S!A1:B8"}},
                "structure": {"region": {"a1": "AB3:AC10"}, "header": {"row_start": 3}, "columns": [
                    {"index": 1, "header": {"raw": "E-mail"}, "mapping": {"status": "mapped", "field": "email", "score": 1.0}},
                    {"index": 2, "header": {"raw": "?"}, "mapping": {"status": "unmapped"}}]}
            }]}]}],
        });
        let artifact = Artifact::from_event("a.xlsx", &data);
        assert_eq!(artifact.run.error.as_ref().unwrap().code, "hook_error");
        assert_eq!(artifact.counts(), Counts { tables: 1, rows: 7, mapped_columns: 1, unmapped_columns: 1, issues: 2 });
        let table: Value = serde_json::from_str(artifact.tables[0].get()).unwrap();
        assert_eq!(
            (&table["mapped_columns"][0]["header"], &table["mapped_columns"][0]["source_column_index"]),
            (&"E-mail".into(), &28.into())
        );
        assert_eq!(table["output"], serde_json::json!({"sheet": "S", "range": "A1:B8"}));
    }
}
