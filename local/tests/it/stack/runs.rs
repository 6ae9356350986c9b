//! Runs as they are watched: live, after a broken connection, and page by page.

use serde_json::json;

use super::client::{assert_whole_log, ids, messages};
use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, run_of};

/// Lets a run of the engine's mode `gate` go on.
pub(super) async fn say_go(stack: &Stack, run: &str) {
    let attempts = stack.data_dir().join("runs").join(run);
    let attempt = eventually("the engine has a directory", async || std::fs::read_dir(&attempts).ok()?.next()).await;
    std::fs::write(attempt.unwrap().path().join("logs/go"), "").unwrap();
}

#[tokio::test]
async fn events_arrive_while_the_engine_runs() {
    let stack = Stack::start_with_test_engine().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let mut stream = stack.engine_run(&config, &document, &json!({ "mode": "gate", "before": 3, "after": 4 })).await;
    let run = run_of(&stream);
    let mut events = stream.until(|event| event["message"] == "waiting").await;
    // The engine goes on only when it is told to, so these events have not waited for its end.
    let record = stack.api.get(&format!("/runs/{run}")).await.expect(200);
    assert_eq!((&record["status"], &record["finished"]), (&json!("running"), &json!(null)));
    assert_eq!(messages(&events, "stdout"), ["line 0", "line 1", "line 2", "waiting"]);
    stack.api.get(&format!("/runs/{run}/outputs")).await.refused(409, "output_not_ready");

    say_go(&stack, &run).await;
    events.extend(stream.rest().await);
    assert_whole_log(&events, "run");
    assert_eq!(messages(&events, "stdout"), ["line 0", "line 1", "line 2", "waiting", "line 3", "line 4", "line 5", "line 6"]);
    let completed = &events[events.len() - 1];
    assert_eq!((&completed["status"], &completed["exit_code"]), (&json!("succeeded"), &json!(0)));
    assert!(events.windows(2).all(|pair| pair[0]["elapsed_ms"].as_u64() <= pair[1]["elapsed_ms"].as_u64()));
}

#[tokio::test]
async fn a_slow_engine_is_seen_line_by_line() {
    let stack = Stack::start_with_test_engine().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let mut stream = stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 20, "interval_ms": 200 })).await;
    let run = run_of(&stream);
    let mut events = stream.until(|event| event["message"] == "tick 0").await;
    assert_eq!(stack.api.get(&format!("/runs/{run}")).await.expect(200)["status"], "running");
    events.extend(stream.rest().await);
    assert_whole_log(&events, "run");
    assert_eq!(messages(&events, "stdout"), (0..20).map(|n| format!("tick {n}")).collect::<Vec<_>>());
    let segments = stack.bucket().list(&format!("runs/{run}/logs/0")).await;
    assert!(segments.len() > 8, "lines are committed as they come, not at the end: {segments:#?}");
}

#[tokio::test]
async fn a_run_goes_on_when_its_client_is_gone() {
    let stack = Stack::start_with_test_engine().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let mut stream = stack.engine_run(&config, &document, &json!({ "mode": "gate", "before": 50, "after": 5000 })).await;
    let run = run_of(&stream);
    let mut seen = stream.until(|event| event["message"] == "line 20").await;
    drop(stream);
    say_go(&stack, &run).await;

    let rest = stack.events(&run, seen.len() as u64, true).await.rest().await;
    assert_eq!(rest[0]["id"], seen.len() + 1);
    seen.extend(rest);
    assert_whole_log(&seen, "run");
    assert_eq!(messages(&seen, "stdout").len(), 5051);
    assert_eq!(stack.finished(&run).await["status"], "succeeded");

    for after in [0, 1, 2, 40, seen.len() as u64 - 1, seen.len() as u64, seen.len() as u64 + 7] {
        let rest = stack.events(&run, after, true).await.rest().await;
        let expected = seen.get(usize::try_from(after).unwrap()..).unwrap_or_default();
        assert_eq!(ids(&rest), ids(expected), "after {after}");
        assert_eq!(rest, expected);
    }
}

#[tokio::test]
async fn a_run_in_the_background_is_read_page_by_page() {
    let stack = Stack::start_with_test_engine().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let body = json!({ "input_documents": [document], "options": { "metadata": { "engine": { "mode": "both", "count": 500 } } } });
    let run = id(&stack.api.post(&format!("/configs/{config}/runs"), &body).await.expect(201));

    // Reading starts at once, while the run is under way.
    let (mut entries, mut after) = (Vec::new(), Some(0));
    while let Some(after_id) = after {
        let page = stack.api.get(&format!("/runs/{run}/logs?after_id={after_id}&limit=37")).await.expect(200);
        assert_eq!((&page["object"], &page["run_id"]), (&json!("ade.run.logs"), &json!(run)));
        let lines = page["entries"].as_array().unwrap();
        assert!(lines.len() <= 37);
        entries.extend(lines.iter().map(|entry| (entry["id"].clone(), entry["stream"].clone(), entry["message"].clone())));
        after = page["next_after_id"].as_u64();
        assert!(after.is_none_or(|after| after >= after_id), "a page never leads back");
    }
    assert!(!stack.api.get(&format!("/runs/{run}")).await.expect(200)["finished"].is_null());

    let events = stack.events(&run, 0, true).await.rest().await;
    assert_whole_log(&events, "run");
    let lines = events.iter().filter(|event| event["type"] == "run.log" || event["type"] == "build.log");
    let lines: Vec<_> = lines.map(|event| (event["id"].clone(), event["stream"].clone(), event["message"].clone())).collect();
    assert_eq!(entries, lines);

    let page = stack.api.get(&format!("/runs/{run}/logs?stream=stderr&limit=1000")).await.expect(200);
    let stderr: Vec<_> = page["entries"].as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap()).collect();
    assert!((0..500).all(|n| stderr.contains(&format!("err {n}").as_str())) && !stderr.contains(&"out 0"));
}

#[tokio::test]
async fn an_engine_that_fails_is_reported() {
    let stack = Stack::start_with_test_engine().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let stream = stack.engine_run(&config, &document, &json!({ "mode": "leave" })).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    let record = stack.finished(&run).await;
    assert_eq!((&record["status"], &record["exit_code"]), (&json!("failed"), &json!(7)), "{record:#}");
    assert_eq!(record["failure"]["code"], "engine_error");
    let artifact = stack.api.get(&format!("/runs/{run}/artifact")).await;
    assert_eq!(artifact.status, 307, "a failed run has an artifact too: {artifact:?}");
    assert_eq!(stack.api.get(&format!("/runs/{run}/outputs")).await.expect(200)["data"], json!([]));
}
