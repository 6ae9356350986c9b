//! Where a gateway streams nothing: answers of events end, and whoever reads them asks for the rest.

use std::collections::HashSet;

use http::Method;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::client::{Answer, assert_whole_log, messages};
use super::commands::{finished, lines, says};
use super::fixtures::PEOPLE;
use super::runs::say_go;
use super::server::{Stack, TEST_ENGINE, id};

const UNSTREAMED: (&str, &str) = ("ADE_RESPONSE_STREAMING", "false");

/// With a config and a document for the test engine.
async fn start() -> (Stack, String, String) {
    let stack = Stack::start_with(&[UNSTREAMED, TEST_ENGINE]).await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    (stack, config, document)
}

/// A request for a run of the test engine.
fn new_run(stack: &Stack, config: &str, document: &str, stream: bool, engine: &Value) -> RequestBuilder {
    let body = json!({ "stream": stream, "input_documents": [document], "options": { "metadata": { "engine": engine } } });
    stack.api.request(Method::POST, &format!("/configs/{config}/runs")).json(&body)
}

/// The events of an answer, which has come whole.
fn events(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")), "{answer:?}");
    assert!(answer.headers.contains_key("content-length"), "its end is known from the start: {answer:?}");
    let lines = answer.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).filter(|event: &Value| event["type"] != "heartbeat").collect()
}

#[tokio::test]
async fn a_run_is_followed_by_asking_again() {
    let (stack, config, document) = start().await;
    let first = stack.api.send(new_run(&stack, &config, &document, true, &json!({ "mode": "gate", "before": 3, "after": 4 }))).await;
    let run = first.header("x-run-id").unwrap().to_owned();
    let (mut seen, mut answers, mut told) = (events(&first), 1, false);
    assert_eq!(seen[0]["type"], "run.created");
    while seen.last().is_none_or(|event| event["type"] != "run.completed") {
        // The engine waits to be told, so an answer that ended with the run would never come.
        if !told && seen.iter().any(|event| event["message"] == "waiting") {
            say_go(&stack, &run).await;
            told = true;
        }
        let after = seen.len();
        seen.extend(events(&stack.api.get(&format!("/runs/{run}/events?after_id={after}")).await));
        answers += 1;
    }
    assert!(answers > 1);
    // A build of the config is part of the run's log.
    assert_eq!(seen.iter().map(|event| event["id"].as_u64().unwrap()).collect::<HashSet<_>>().len(), seen.len());
    assert_eq!(messages(&seen, "stdout").len(), 8);
    assert_eq!(lines(&stack, &["runs", "logs", &run, "--follow", "--json"]), seen);
}

#[tokio::test]
async fn a_build_is_followed_by_asking_again() {
    let stack = Stack::start_with(&[UNSTREAMED]).await;
    let config = stack.config().await;
    let path = stack.in_workspace(&format!("configs/{config}/builds"));
    let first = stack.api.send(stack.api.request(Method::POST, &path).json(&json!({ "stream": true }))).await;
    let build = first.header("x-build-id").unwrap().to_owned();
    let mut seen = events(&first);
    while seen.last().is_none_or(|event| event["type"] != "build.completed") {
        let after = seen.len();
        seen.extend(events(&stack.api.get(&format!("/builds/{build}/events?after_id={after}")).await));
    }
    assert_whole_log(&seen, "build");
    assert_eq!(seen[seen.len() - 1]["status"], "active");
    let validation = stack.api.post(&stack.in_workspace(&format!("configs/{config}/validate")), &json!({})).await.expect(200);
    assert_eq!(validation["valid"], true, "{validation:#}");
}

#[tokio::test]
async fn what_is_too_long_for_one_answer_is_refused_or_read_in_parts() {
    let (stack, config, document) = start().await;
    let long =
        id(&stack.api.send(new_run(&stack, &config, &document, false, &json!({ "mode": "lines", "count": 40_000 }))).await.expect(201));
    let short = id(&stack.api.send(new_run(&stack, &config, &document, false, &json!({ "mode": "lines", "count": 10 }))).await.expect(201));
    for run in [&long, &short] {
        assert_eq!(stack.finished(run).await["status"], "succeeded");
    }
    stack.api.get(&format!("/runs/{long}/logfile")).await.refused(503, "needs_streaming");
    let file = events(&stack.api.get(&format!("/runs/{short}/logfile")).await);
    assert_eq!(lines(&stack, &["runs", "logs", &short, "--json"]), file);

    let part = events(&stack.api.get(&format!("/runs/{long}/events?follow=false")).await);
    assert!(!part.is_empty() && part.len() < 40_000, "{}", part.len());
    let whole = lines(&stack, &["runs", "logs", &long, "--json"]);
    assert_eq!(messages(&whole, "stdout").len(), 40_000);
    assert_eq!(whole[..part.len()], part);
    let printed = says(&stack, &["runs", "logs", &long]);
    assert_eq!(printed.lines().count(), 40_000);
}

#[tokio::test]
async fn commands_show_what_happens() {
    let stack = Stack::start_with(&[UNSTREAMED]).await;
    let config = stack.config().await;
    let file = stack.data_dir().with_extension("csv");
    std::fs::write(&file, PEOPLE).unwrap();
    let mut run = super::commands::command(&stack, &["run", file.to_str().unwrap(), "--config", &config, "--json"]);
    run.current_dir(file.parent().unwrap());
    let printed = finished(run, 0);
    let last: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    assert_eq!((&last["object"], &last["status"]), (&json!("ade.cli.result"), &json!("succeeded")), "{printed}");
    assert!(says(&stack, &["runs", "export"]).contains("succeeded"));
}
