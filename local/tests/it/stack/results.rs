//! What is asked of runs that are over: their issues, summary and log, lists of them, and doing it again.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::client::{assert_whole_log, ids};
use super::fixtures::{MESSY, PEOPLE};
use super::server::{Stack, id, run_of};

/// A table whose e-mail addresses are none.
const WRONG: &[u8] = b"First Name,Last Name,Email\nAda,Lovelace,ada\nAlan,Turing,alan@\nGrace,Hopper,@example.com\n";

/// Runs a document to the end; the run and its events.
async fn run(stack: &Stack, config: &str, document: &str) -> (String, Vec<Value>) {
    let stream = stack.run(config, document).await;
    let run = run_of(&stream);
    (run, stream.rest().await)
}

/// The audit record of a run.
async fn artifact(stack: &Stack, run: &str) -> Value {
    let request = stack.api.request(Method::GET, &format!("/runs/{run}/artifact")).header("accept", "application/json");
    let link = stack.api.send(request).await.expect(200);
    stack.api.http().get(link["url"].as_str().unwrap()).send().await.unwrap().json().await.unwrap()
}

/// All items of a list, read by pages of `limit`.
async fn all(stack: &Stack, path: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = stack.api.get(&format!("{path}{sign}limit={limit}{cursor}")).await.expect(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        items.extend(data.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

#[tokio::test]
async fn the_audit_record_is_shown_in_parts() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let documents = [stack.document("member-return.xlsx", MESSY).await, stack.document("wrong.csv", WRONG).await];
    let path = format!("/configs/{config}/runs");
    let body = json!({ "stream": true, "input_documents": documents });
    let stream = stack.api.stream(stack.api.request(Method::POST, &path).json(&body)).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    let artifact = artifact(&stack, &run).await;
    let tables = artifact["tables"].as_array().unwrap();

    let summary = stack.api.get(&format!("/runs/{run}/summary")).await.expect(200);
    let rows: Vec<_> = summary["tables"].as_array().unwrap().iter().map(|table| &table["output_rows"]).collect();
    assert_eq!(rows, tables.iter().map(|table| &table["rows"]["output"]).collect::<Vec<_>>());
    assert_eq!((&summary["outcome"], &summary["status"]), (&artifact["run"]["outcome"], &json!("succeeded")));
    let fields: BTreeSet<_> =
        tables.iter().flat_map(|t| t["mapped_columns"].as_array().unwrap()).map(|c| c["field"].as_str().unwrap()).collect();
    let named: Vec<_> = summary["fields"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect();
    assert_eq!(named, fields.into_iter().collect::<Vec<_>>());
    assert_eq!(summary["findings"].as_array().unwrap().len(), artifact["notes"].as_array().unwrap().len());
    assert_eq!(summary["truncated"], false);

    let expected: Vec<(&Value, &Value)> = tables
        .iter()
        .flat_map(|table| table["validation_issues"].as_array().unwrap().iter().map(move |issue| (&table["source_sheet"], issue)))
        .collect();
    assert!(expected.len() > 2, "the workbook is messy");
    let path = format!("/runs/{run}/issues");
    for limit in [1, 2, 200] {
        let cells: Vec<_> = all(&stack, &path, limit).await.into_iter().map(|issue| issue["cell"].clone()).collect();
        assert_eq!(cells, expected.iter().map(|(_, issue)| issue["cell"].clone()).collect::<Vec<_>>());
    }
    let (sheet, first) = expected[0];
    let count = |wanted: &dyn Fn(&Value, &Value) -> bool| expected.iter().filter(|(sheet, issue)| wanted(sheet, issue)).count();
    let by_field = all(&stack, &format!("{path}?field={}", first["field"].as_str().unwrap()), 200).await;
    assert_eq!(by_field.len(), count(&|_, issue| issue["field"] == first["field"]));
    let named = percent_encoding::utf8_percent_encode(sheet.as_str().unwrap(), percent_encoding::NON_ALPHANUMERIC);
    let by_sheet = stack.api.get(&format!("{path}?sheet={named}&severity=warning")).await.expect(200);
    assert_eq!(by_sheet["data"].as_array().unwrap().len(), count(&|of, _| of == sheet));
    assert_eq!(all(&stack, &format!("{path}?severity=error"), 200).await, Vec::<Value>::new());
    for query in ["limit=0", "limit=201", "cursor=x", "cursor=LTE", "surprise=1"] {
        stack.api.get(&format!("{path}?{query}")).await.refused(422, "validation_failed");
    }

    let log = stack.api.get(&format!("/runs/{run}/logfile")).await;
    assert_eq!(log.header("content-disposition"), Some(format!("attachment; filename=\"{run}.ndjson\"").as_str()));
    let lines: Vec<Value> =
        log.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_whole_log(&lines, "run");
    assert_eq!((log.status, ids(&lines)), (200, ids(&events)));
}

#[tokio::test]
async fn a_run_is_repeated_without_its_document() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let (original, _) = run(&stack, &config, &document).await;
    stack.bucket().delete(&format!("documents/{document}/people.csv")).await;
    let before = stack.api.get(&format!("/runs/{original}")).await.expect(200);
    for build in ["same", "current"] {
        let retried = stack.api.post(&format!("/runs/{original}/retry"), &json!({ "build": build })).await;
        let again = retried.expect(201);
        assert_eq!(retried.header("location"), Some(format!("/api/v1/runs/{}", id(&again)).as_str()));
        assert_eq!((&again["retry_of_run_id"], &again["status"]), (&json!(original), &json!("queued")));
        assert_eq!(again["input_documents"], before["input_documents"]);
        let after = stack.finished(&id(&again)).await;
        assert_eq!((&after["status"], &after["build_id"]), (&json!("succeeded"), &before["build_id"]), "{after:#}");
        assert_eq!(after["result"], before["result"]);
    }
    assert_eq!(stack.api.get(&format!("/runs/{original}")).await.expect(200), before, "it is another run");
    stack.api.post(&format!("/runs/{original}/retry"), &json!({ "build": "old" })).await.refused(422, "validation_failed");

    let stack = Stack::start_with_test_engine().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let mut stream = stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 100, "interval_ms": 20 })).await;
    let running = run_of(&stream);
    stream.until(|event| event["message"] == "tick 0").await;
    stack.api.post(&format!("/runs/{running}/retry"), &json!({})).await.refused(409, "run_not_over");
    stack.api.get(&format!("/runs/{running}/summary")).await.refused(409, "output_not_ready");
    stack.api.get(&format!("/runs/{running}/issues")).await.refused(409, "output_not_ready");
}

#[tokio::test]
async fn a_batch_is_created_whole_or_not_at_all() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let documents = [stack.document("a.csv", PEOPLE).await, stack.document("b.csv", PEOPLE).await];
    let pending = id(&stack.announce("late.csv", PEOPLE.len(), None).await.expect(201));
    let batch = stack.in_workspace("runs/batch");
    let body = |documents: &[&str]| json!({ "config_id": config, "input_documents": documents });
    stack.api.post(&batch, &body(&[&documents[0], &pending])).await.refused(409, "document_not_ready");
    stack.api.post(&batch, &body(&[])).await.refused(422, "validation_failed");
    stack.api.post(&batch, &body(&[documents[0].as_str(); 46])).await.refused(422, "validation_failed");
    stack.api.post(&batch, &body(&["doc_01JZX3Q4T5V6W7X8Y9ZABCDEFG"])).await.refused(404, "document_not_found");
    assert_eq!(all(&stack, &stack.in_workspace("runs"), 200).await, Vec::<Value>::new());

    let created = stack.api.post(&batch, &body(&[&documents[0], &documents[1]])).await.expect(201);
    let runs: Vec<_> = created["data"].as_array().unwrap().iter().map(id).collect();
    for (run, document) in runs.iter().zip(&documents) {
        let record = stack.finished(run).await;
        assert_eq!((&record["status"], &record["input_documents"][0]["document_id"]), (&json!("succeeded"), &json!(document)));
    }
    let listed: BTreeSet<_> = all(&stack, &stack.in_workspace("runs"), 1).await.iter().map(id).collect();
    assert_eq!(listed, runs.into_iter().collect());
}

#[tokio::test]
async fn a_list_is_exported_as_a_table() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let document = stack.document("=cmd|' /C calc'!A0.csv", PEOPLE).await;
    let other = stack.document("people.csv", PEOPLE).await;
    let (run, _) = run(&stack, &config, &document).await;
    let failing = json!({ "input_documents": [other], "options": { "input_sheet_names": ["no such sheet"] } });
    let failed = id(&stack.api.post(&format!("/configs/{config}/runs"), &failing).await.expect(201));
    stack.finished(&failed).await;

    let export = async |query: &str| {
        let request = stack.api.request(Method::GET, &stack.in_workspace(&format!("runs{query}"))).header("accept", "text/csv");
        let answer = stack.api.send(request).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv")));
        let name = answer.header("content-disposition").unwrap();
        assert!(name.starts_with("attachment; filename=\"runs-default-2") && name.ends_with("Z.csv\""), "{name}");
        let mut table = csv::Reader::from_reader(&answer.body[..]);
        table.deserialize().map(|row| row.unwrap()).collect::<Vec<std::collections::HashMap<String, String>>>()
    };
    let rows = export("").await;
    assert_eq!(rows.iter().map(|row| row["id"].as_str()).collect::<Vec<_>>(), [failed.as_str(), run.as_str()]);
    assert_eq!((rows[1]["documents"].as_str(), rows[1]["status"].as_str()), ("'=cmd|' /C calc'!A0.csv", "succeeded"));
    assert_eq!((rows[0]["failure"].as_str(), rows[1]["rows"].as_str()), ("input_error", "2"));
    assert_eq!(export("?status=failed").await.len(), 1);
    assert_eq!(export(&format!("?input_document_id={document}&status=failed")).await.len(), 0);
}
