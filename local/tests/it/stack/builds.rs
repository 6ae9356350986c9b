//! Builds: streamed, reused, forced, followed, failed, and one at a time.

use http::Method;
use serde_json::{Value, json};

use super::client::{Events, assert_whole_log};
use super::fixtures::{GATE, GATE_PATH, change_draft, gate, open_gate};
use super::server::{Stack, eventually, id};

const STEPS: [&str; 7] =
    ["create_venv", "upgrade_pip", "install_engine", "install_config", "verify_imports", "collect_metadata", "publish"];

fn path(stack: &Stack, config: &str) -> String {
    stack.in_workspace(&format!("configs/{config}/builds"))
}

async fn stream(stack: &Stack, config: &str, options: Value) -> Events {
    let body = json!({ "stream": true, "options": options });
    stack.api.stream(stack.api.request(Method::POST, &path(stack, config)).json(&body)).await
}

/// The record of a build once it is over.
async fn finished(stack: &Stack, build: &str) -> Value {
    eventually("the build ends", async || {
        let record = stack.api.get(&format!("/builds/{build}")).await.expect(200);
        (!record["finished"].is_null()).then_some(record)
    })
    .await
}

async fn active_build(stack: &Stack, config: &str) -> Value {
    stack.api.get(&stack.in_workspace(&format!("configs/{config}"))).await.expect(200)["active_build_id"].clone()
}

/// Each step's statuses in the order of their events.
fn steps(events: &[Value]) -> Vec<(&str, Vec<&str>)> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for event in events.iter().filter(|event| event["type"] == "build.step") {
        let (step, status) = (event["step"].as_str().unwrap(), event["status"].as_str().unwrap());
        match steps.last_mut() {
            Some((last, statuses)) if *last == step => statuses.push(status),
            _ => steps.push((step, vec![status])),
        }
    }
    steps
}

#[tokio::test]
async fn a_build_is_streamed_then_reused_until_it_is_forced() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let events = stream(&stack, &config, json!({})).await.rest().await;
    assert_whole_log(&events, "build");
    let steps = steps(&events);
    assert_eq!(steps.iter().map(|(step, _)| *step).collect::<Vec<_>>(), STEPS);
    for (step, statuses) in steps {
        let expected: &[&str] = if step == "upgrade_pip" { &["skipped"] } else { &["started", "completed"] };
        assert_eq!(statuses, expected, "{step}");
    }
    assert_eq!(events[events.len() - 1]["status"], "active");
    let build = events[0]["build_id"].as_str().unwrap();
    let record = stack.api.get(&format!("/builds/{build}")).await.expect(200);
    assert_eq!((&record["status"], &record["config_id"]), (&json!("active"), &json!(config)));
    assert_eq!(record["fingerprint"], events[0]["fingerprint"]);
    assert!(record["archive"]["byte_size"].as_u64() > Some(0), "{record:#}");
    assert_eq!(active_build(&stack, &config).await, build);

    let reused = stack.api.post(&path(&stack, &config), &json!({})).await.expect(200);
    assert_eq!((&reused["id"], &reused["reused"]), (&json!(build), &json!(true)));
    let reused = stack.api.post(&path(&stack, &config), &json!({ "stream": false, "options": { "wait": true } })).await.expect(200);
    assert_eq!((&reused["id"], &reused["reused"]), (&json!(build), &json!(true)));

    let forced = stream(&stack, &config, json!({ "force": true })).await.rest().await;
    assert_whole_log(&forced, "build");
    assert_ne!(forced[0]["build_id"], build);
    assert_eq!(forced[0]["fingerprint"], events[0]["fingerprint"]);
    assert_eq!(active_build(&stack, &config).await, forced[0]["build_id"]);

    let listed = stack.api.get(&path(&stack, &config)).await.expect(200);
    let listed: Vec<_> = listed["data"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(listed, [forced[0]["build_id"].as_str().unwrap(), build]);
}

#[tokio::test]
async fn a_build_in_the_background_is_followed_page_by_page() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let created = stack.api.post(&path(&stack, &config), &json!({ "stream": false })).await;
    let build = id(&created.expect(201));
    assert_eq!(created.header("location"), Some(format!("/api/v1/builds/{build}").as_str()));
    let (mut lines, mut after) = (Vec::new(), Some(0));
    while let Some(after_id) = after {
        let page = stack.api.get(&format!("/builds/{build}/logs?after_id={after_id}&limit=3")).await.expect(200);
        assert_eq!((&page["object"], &page["build_id"]), (&json!("ade.build.logs"), &json!(build)));
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 3);
        lines.extend(entries.iter().map(|entry| entry["id"].as_u64().unwrap()));
        after = page["next_after_id"].as_u64();
    }
    let record = stack.api.get(&format!("/builds/{build}")).await.expect(200);
    assert_eq!(record["status"], "active", "the end of the log is the end of the build");
    let request = stack.api.request(Method::GET, &format!("/builds/{build}/events?follow=true"));
    let events = stack.api.stream(request).await.rest().await;
    assert_whole_log(&events, "build");
    let logged: Vec<_> = events.iter().filter(|e| e["type"] == "build.log").map(|e| e["id"].as_u64().unwrap()).collect();
    assert_eq!(lines, logged, "every line once");
}

/// A draft that cannot be built, and what is said about it.
async fn assert_failed_build(stack: &Stack, config: &str, stage: &str, words: &[&str]) {
    let events = stream(stack, config, json!({})).await.rest().await;
    assert_whole_log(&events, "build");
    let completed = &events[events.len() - 1];
    assert_eq!(completed["status"], "failed", "{completed:#}");
    let (last, statuses) = steps(&events).pop().unwrap();
    assert_eq!((last, statuses.as_slice()), (stage, ["started"].as_slice()), "the step that failed is the last one");
    let record = finished(stack, events[0]["build_id"].as_str().unwrap()).await;
    assert_eq!(record["failure"], json!({ "code": "config_error", "stage": stage }), "{record:#}");
    let all: String = events.iter().filter_map(|e| e["message"].as_str()).chain(record["error_message"].as_str()).collect();
    for word in words {
        assert!(all.contains(word), "{word} in {all}");
    }
}

#[tokio::test]
async fn a_failed_build_says_where_and_leaves_the_active_one() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let good = stream(&stack, &config, json!({})).await.rest().await;
    let active = good[0]["build_id"].clone();

    let broken = "def register(registry:\n    pass\n";
    change_draft(&stack, &config, &[("src/ade_config/columns/broken.py", Some(broken))]).await;
    assert_failed_build(&stack, &config, "verify_imports", &["broken.py"]).await;
    assert_eq!(active_build(&stack, &config).await, active);

    // No version can be above 3 and below 3: whatever the package index has, this can't be installed.
    let project = "[project]\nname = \"rules\"\nversion = \"1\"\ndependencies = [\"openpyxl>3,<3\"]\n";
    change_draft(&stack, &config, &[("src/ade_config/columns/broken.py", None), ("pyproject.toml", Some(project))]).await;
    assert_failed_build(&stack, &config, "install_config", &["openpyxl"]).await;
    let project = "[project]\nname = \"rules\"\nversion = \"1\"\ndependencies = [\"secrets @ file:///etc\"]\n";
    change_draft(&stack, &config, &[("pyproject.toml", Some(project))]).await;
    assert_failed_build(&stack, &config, "install_config", &["secrets @ file:///etc"]).await;
    assert_eq!(active_build(&stack, &config).await, active);

    let document = stack.document("people.csv", super::fixtures::PEOPLE).await;
    let run = stack.run(&config, &document).await.rest().await;
    assert_eq!(run[run.len() - 1]["status"], "succeeded", "runs go on with the active build");
    let body = json!({ "stream": true, "input_documents": [document], "options": { "version": "draft" } });
    let request = stack.api.request(Method::POST, &format!("/configs/{config}/runs")).json(&body);
    let run = stack.api.stream(request).await.rest().await;
    assert_whole_log(&run, "run");
    let completed = &run[run.len() - 1];
    assert_eq!((&completed["status"], &completed["failure"]["code"]), (&json!("failed"), &json!("build_failed")), "{completed:#}");
}

#[tokio::test]
async fn one_build_of_a_config_at_a_time() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    change_draft(&stack, &config, &[(GATE_PATH, Some(GATE))]).await;
    let build = id(&stack.api.post(&path(&stack, &config), &json!({})).await.expect(201));
    let gate = eventually("the build imports the config", async || gate(&stack, &config)).await;

    for body in [json!({}), json!({ "options": { "force": true } }), json!({ "stream": true })] {
        let refused = stack.api.post(&path(&stack, &config), &body).await.refused(409, "build_in_progress");
        assert_eq!(refused["build_id"], build, "it is named");
    }
    let waiting = tokio::spawn({
        let (api, path) = (stack.api.clone(), path(&stack, &config));
        async move { api.post(&path, &json!({ "options": { "wait": true } })).await }
    });
    let mut following = stream(&stack, &config, json!({ "wait": true })).await;
    let created = following.next().await.unwrap();
    assert_eq!((&created["type"], &created["build_id"]), (&json!("build.created"), &json!(build)));
    assert_eq!(stack.api.get(&format!("/builds/{build}")).await.expect(200)["status"], "building");

    open_gate(&gate);
    let mut events = vec![created];
    events.extend(following.rest().await);
    assert_whole_log(&events, "build");
    let waited = waiting.await.unwrap();
    assert_eq!(waited.status, 200);
    assert_eq!((&waited.json()["id"], &waited.json()["status"]), (&json!(build), &json!("active")));
}

#[tokio::test]
async fn a_run_joins_the_build_that_is_under_way() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", super::fixtures::PEOPLE).await;
    change_draft(&stack, &config, &[(GATE_PATH, Some(GATE))]).await;
    let build = id(&stack.api.post(&path(&stack, &config), &json!({})).await.expect(201));
    let gate = eventually("the build imports the config", async || gate(&stack, &config)).await;
    let mut run = stack.run(&config, &document).await;
    let mut events = run.until(|event| event["type"] == "build.step" && event["step"] == "verify_imports").await;
    open_gate(&gate);
    events.extend(run.rest().await);
    assert_whole_log(&events, "run");
    let of_build: Vec<_> = events.iter().filter(|event| event["type"].as_str().unwrap().starts_with("build.")).collect();
    assert!(of_build.iter().all(|event| event["build_id"] == build), "{of_build:#?}");
    assert_eq!(of_build[of_build.len() - 1]["type"], "build.completed");
    assert_eq!(events[events.len() - 1]["status"], "succeeded");
}

#[tokio::test]
async fn a_run_tells_when_the_steps_of_its_build_happened() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", super::fixtures::PEOPLE).await;
    let of_run = stack.run(&config, &document).await.rest().await;
    let copied: Vec<_> = of_run.iter().filter(|event| event["type"].as_str().unwrap().starts_with("build.")).collect();
    let build = copied[0]["build_id"].as_str().unwrap();
    let of_build = stack.api.stream(stack.api.request(Method::GET, &format!("/builds/{build}/events"))).await.rest().await;
    assert_eq!(copied.len(), of_build.len());
    // Both logs count from the creation of their record; one was created somewhat later.
    let later = |(of_run, of_build): (&&Value, &Value)| of_run["elapsed_ms"].as_u64().unwrap() - of_build["elapsed_ms"].as_u64().unwrap();
    let later: Vec<_> = copied.iter().zip(&of_build).map(later).collect();
    assert!(later.iter().all(|millis| *millis == later[0]), "{later:?}");
    for (copy, event) in copied.iter().zip(&of_build) {
        assert_eq!(copy["created"], event["created"]);
    }
}
