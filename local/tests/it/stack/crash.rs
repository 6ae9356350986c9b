//! The server is killed in the middle of runs. What was acknowledged is there afterwards, whole.
//!
//! A run whose executor died is tried again once its lease has expired, also while this test looks at it.

use std::time::Duration;

use futures::StreamExt as _;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::client::ids;
use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, run_of, status_of};

const KILLS: usize = 20;

#[tokio::test]
async fn killing_the_server_at_any_moment_loses_nothing_that_was_committed() {
    let engine = ("ADE_ENGINE_SPEC", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engine"));
    let mut stack = Stack::start_with(&[engine, ("ADE_MAX_ATTEMPTS", "100")]).await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let first = stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 1, "interval_ms": 1 })).await;
    let mut runs = vec![run_of(&first)];
    first.rest().await;

    for round in 0..KILLS {
        let engine = json!({ "mode": "ticks", "count": 60, "interval_ms": 10 });
        let body = json!({ "stream": true, "input_documents": [document], "options": { "metadata": { "engine": engine } } });
        let request = stack.api.request(http::Method::POST, &format!("/configs/{config}/runs")).json(&body);
        let moment = Duration::from_millis(rand::rng().random_range(0..1200));
        let seen = tokio::spawn(watch(request));
        tokio::time::sleep(moment).await;
        let (executors, others) = (stack.processes("executor"), stack.processes("create-run"));
        stack.kill();
        for child in executors.into_iter().chain(others) {
            eventually("children die with the server", async || is_gone(child).then_some(())).await;
        }
        let (run, seen) = seen.await.unwrap();
        stack.restart().await;
        runs.extend(run.clone());
        for (run, events) in run.iter().map(|run| (run, &seen)) {
            let log = stack.events(run, 0, false).await.rest().await;
            assert_eq!(log.get(..events.len()), Some(events.as_slice()), "round {round}: what a client has seen is in the log");
        }
        assert_consistent(&stack, &runs).await;
    }

    let run = stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 3, "interval_ms": 1 })).await.rest().await;
    assert_eq!(run[run.len() - 1]["status"], "succeeded", "new runs work");
    let config = stack.config().await;
    let run = stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 3, "interval_ms": 1 })).await.rest().await;
    assert_eq!(run[run.len() - 1]["status"], "succeeded", "new builds work");
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_ends_what_runs_have_started() {
    let stack = Stack::start_with_test_engine().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let mut stream = stack.engine_run(&config, &document, &json!({ "mode": "orphan" })).await;
    let orphan = |event: &Value| event["message"].as_str()?.strip_prefix("orphan ")?.parse::<i32>().ok();
    let pid = stream.until(|event| orphan(event).is_some()).await.iter().find_map(orphan).unwrap();
    assert!(!is_gone(pid));
    drop(stack);
    assert!(is_gone(pid), "process {pid} is left");
}

/// Whether a process has ended; somebody else's init may not have taken note yet.
fn is_gone(pid: i32) -> bool {
    status_of(pid, "State").is_none_or(|state| state.starts_with('Z'))
}

/// Starts a run and reads its events until the connection breaks; the run, if its record was made, and the whole events.
async fn watch(request: reqwest::RequestBuilder) -> (Option<String>, Vec<Value>) {
    let Ok(response) = request.send().await else { return (None, Vec::new()) };
    let run = response.headers().get("x-run-id").map(|id| id.to_str().unwrap().to_owned());
    let (mut bytes, mut pieces) = (Vec::new(), response.bytes_stream());
    while let Some(Ok(piece)) = pieces.next().await {
        bytes.extend_from_slice(&piece);
    }
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let events = bytes[..whole].split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap());
    (run, events.filter(|event: &Value| event["type"] != "heartbeat").collect())
}

/// A run's record and log at one moment, in which neither moved on.
async fn at_rest(stack: &Stack, run: &str) -> (Value, Vec<Value>) {
    eventually("a run holds still", async || {
        let before = stack.api.get(&format!("/runs/{run}")).await.expect(200);
        let log = stack.events(run, 0, false).await.rest().await;
        let after = stack.api.get(&format!("/runs/{run}")).await.expect(200);
        (before == after).then_some((after, log))
    })
    .await
}

/// Panics unless every object is what it is listed as, and every record agrees with its log.
async fn assert_consistent(stack: &Stack, runs: &[String]) {
    let bucket = stack.bucket();
    for object in bucket.list("").await {
        assert_eq!(bucket.read(&object.key).await.len(), object.byte_size, "{}", object.key);
    }
    for run in runs {
        let (record, log) = at_rest(stack, run).await;
        assert_eq!(ids(&log), (1..=record["last_event_id"].as_u64().unwrap()).collect::<Vec<_>>(), "{record:#}");
        let completed = log[log.len() - 1]["type"] == "run.completed";
        match record["status"].as_str().unwrap() {
            "succeeded" => {
                assert!(completed && !record["finished"].is_null() && record["failure"].is_null(), "{record:#}");
                assert_eq!(stack.api.get(&format!("/runs/{run}/artifact")).await.status, 307);
            }
            "queued" | "running" => assert!(!completed && record["finished"].is_null(), "{record:#}"),
            other => panic!("{other}: {record:#}"),
        }
    }
    let listed = stack.api.get(&stack.in_workspace("runs?limit=200")).await.expect(200);
    let listed: Vec<_> = listed["data"].as_array().unwrap().iter().map(id).collect();
    assert!(runs.iter().all(|run| listed.contains(run)));
}
