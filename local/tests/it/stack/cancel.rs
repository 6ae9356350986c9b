//! Canceling runs and builds at every stage.

use serde_json::{Value, json};

use super::client::{assert_whole_log, messages};
use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, run_of};

async fn cancel(stack: &Stack, path: &str) -> Value {
    stack.api.send(stack.api.request(http::Method::POST, &format!("{path}/cancel"))).await.expect(200)
}

#[tokio::test]
async fn a_running_run_is_stopped_and_what_it_did_is_kept() {
    let stack = Stack::start_with_test_engine().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let mut stream = stack.engine_run(&config, &document, &json!({ "mode": "stubborn" })).await;
    let run = run_of(&stream);
    let mut events = stream.until(|event| event["message"] == "working").await;
    let asked = cancel(&stack, &format!("/runs/{run}")).await;
    assert_eq!((&asked["status"], &asked["cancel_requested"]), (&json!("running"), &json!(true)));
    events.extend(stream.rest().await);
    assert_whole_log(&events, "run");
    let completed = &events[events.len() - 1];
    assert_eq!((&completed["status"], &completed["failure"]["code"]), (&json!("canceled"), &json!("canceled_by_user")));
    assert_eq!(completed["output_paths"], json!(["part.csv"]));
    assert!(messages(&events, "stdout").contains(&"working".to_owned()));

    let again = cancel(&stack, &format!("/runs/{run}")).await;
    assert_eq!((&again["status"], &again["finished"].is_null()), (&json!("canceled"), &false));
    let outputs = stack.api.get(&format!("/runs/{run}/outputs")).await.expect(200);
    assert_eq!(outputs["data"][0]["name"], "part.csv", "{outputs:#}");
    assert_eq!(stack.api.get(&format!("/runs/{run}/artifact")).await.status, 307);
}

#[tokio::test]
async fn what_is_over_stays_what_it_is() {
    let stack = Stack::start_with_test_engine().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let stream = stack.engine_run(&config, &document, &json!({ "mode": "lines", "count": 1 })).await;
    let run = run_of(&stream);
    stream.rest().await;
    let before = stack.finished(&run).await;
    stack.api.send(stack.api.request(http::Method::POST, &format!("/runs/{run}/cancel"))).await.refused(409, "run_not_cancelable");
    let build = before["build_id"].as_str().unwrap();
    stack.api.send(stack.api.request(http::Method::POST, &format!("/builds/{build}/cancel"))).await.refused(409, "build_not_cancelable");
    assert_eq!(stack.finished(&run).await, before);
}

#[tokio::test]
async fn a_run_that_waits_for_an_executor_ends_at_once() {
    let stack = Stack::start_with(&[
        ("ADE_LOCAL_EXECUTORS", "1"),
        ("ADE_ENGINE_SPEC", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engine")),
    ])
    .await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let mut first = stack.engine_run(&config, &document, &json!({ "mode": "stubborn" })).await;
    first.until(|event| event["message"] == "working").await;
    let body = json!({ "input_documents": [document], "options": { "metadata": { "engine": { "mode": "leave" } } } });
    let queued = id(&stack.api.post(&format!("/configs/{config}/runs"), &body).await.expect(201));
    let canceled = cancel(&stack, &format!("/runs/{queued}")).await;
    assert_eq!((&canceled["status"], &canceled["attempt"]), (&json!("canceled"), &json!(1)));
    assert_whole_log(&stack.events(&queued, 0, true).await.rest().await, "run");
    cancel(&stack, &format!("/runs/{}", run_of(&first))).await;
    assert_eq!(first.rest().await.pop().unwrap()["status"], "canceled");
}

#[tokio::test]
async fn a_run_is_canceled_while_its_build_goes_on_and_a_build_by_itself() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let endless = b"import time\nwhile True:\n    time.sleep(1)\n";
    stack.bucket().put(&format!("configs/{config}/draft/src/ade_config/__init__.py"), endless).await;

    let mut stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    let mut events = stream.until(|event| event["step"] == "verify_imports").await;
    let build = events[events.len() - 1]["build_id"].as_str().unwrap().to_owned();
    cancel(&stack, &format!("/runs/{run}")).await;
    events.extend(stream.rest().await);
    assert_whole_log(&events, "run");
    assert_eq!(events[events.len() - 1]["status"], "canceled");
    let record = stack.api.get(&format!("/builds/{build}")).await.expect(200);
    assert_eq!(record["status"], "building", "others may use it");

    cancel(&stack, &format!("/builds/{build}")).await;
    let ended = eventually("the build ends", async || {
        let record = stack.api.get(&format!("/builds/{build}")).await.expect(200);
        (!record["finished"].is_null()).then_some(record)
    })
    .await;
    assert_eq!((&ended["status"], &ended["failure"]["code"]), (&json!("canceled"), &json!("canceled_by_user")));
    let again = cancel(&stack, &format!("/builds/{build}")).await;
    assert_eq!(again["status"], "canceled");
    let log = stack.api.stream(stack.api.request(http::Method::GET, &format!("/builds/{build}/events"))).await.rest().await;
    assert_whole_log(&log, "build");
}
