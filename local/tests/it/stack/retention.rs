//! What is kept no longer is shown, and removed: by whoever asks for it, and by the reaper.

use http::Method;
use serde_json::{Value, json};

use super::commands::{lines, says};
use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, run_of};

/// Keys below a prefix.
async fn keys(stack: &Stack, prefix: &str) -> Vec<String> {
    stack.bucket().list(prefix).await.into_iter().map(|object| object.key).collect()
}

async fn delete(stack: &Stack, path: &str) -> u16 {
    stack.api.send(stack.api.request(Method::DELETE, path)).await.status
}

/// A run that has ended.
async fn run(stack: &Stack, config: &str, document: &str) -> String {
    let run = run_of(&stack.run(config, document).await);
    stack.finished(&run).await;
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_is_shown_and_then_removed() {
    // The reaper comes late enough to leave it to whoever asks.
    let settings = [("ADE_RUN_RETENTION", "1s"), ("ADE_DELETED_RETENTION", "1s"), ("ADE_LOCAL_REAPER_SECONDS", "3600")];
    let stack = Stack::start_with(&settings).await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let old = run(&stack, &config, &document).await;
    let gone = stack.document("gone.csv", PEOPLE).await;
    assert_eq!(delete(&stack, &format!("/documents/{gone}")).await, 204);
    let sweep = async |apply: bool| {
        let answer = stack.api.post("/system/sweep", &json!({ "apply": apply })).await.expect(200);
        assert_eq!((&answer["applied"], &answer["next"], &answer["failed"]), (&json!(apply), &Value::Null, &json!(0)), "{answer:#}");
        answer
    };
    let found = eventually("time passes", async || {
        let found = sweep(false).await;
        (found["runs"]["count"] == 1 && found["documents"]["count"] == 1).then_some(found)
    })
    .await;
    let bytes: usize = stack.bucket().list(&format!("runs/{old}/")).await.iter().map(|object| object.byte_size).sum();
    assert_eq!((&found["runs"]["bytes"], &found["documents"]["bytes"]), (&json!(bytes), &json!(PEOPLE.len())));
    assert_eq!((&found["archives"]["count"], &found["expired"]), (&json!(0), &json!(0)));
    assert!(says(&stack, &["admin", "sweep"]).contains("nothing was removed"));
    assert!(!keys(&stack, "runs/").await.is_empty());

    let swept = lines(&stack, &["admin", "sweep", "--apply", "--json"]).remove(0);
    assert_eq!((&swept["runs"], &swept["documents"]), (&found["runs"], &found["documents"]));
    assert_eq!(keys(&stack, "runs/").await, [""; 0]);
    let documents = keys(&stack, "documents/").await;
    assert!(documents.len() == 1 && documents[0].contains(&document), "{documents:?}");
    stack.api.get(&format!("/runs/{old}")).await.refused(404, "run_not_found");
    assert_eq!(sweep(false).await["runs"]["count"], 0);
    stack.api.post("/system/sweep", &json!({ "after": "nowhere" })).await.refused(422, "validation_failed");
    // What is not old works as before.
    run(&stack, &config, &document).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reaper_removes_what_is_old() {
    let settings = [
        ("ADE_RUN_RETENTION", "1s"),
        ("ADE_DOCUMENT_RETENTION", "5s"),
        ("ADE_DELETED_RETENTION", "1s"),
        ("ADE_UPLOAD_RETENTION", "1s"),
        ("ADE_ARCHIVE_RETENTION", "1s"),
        ("ADE_LOCAL_REAPER_SECONDS", "1"),
    ];
    let stack = Stack::start_with(&settings).await;
    let config = stack.config().await;
    let build = async || {
        let answer =
            stack.api.post(&stack.in_workspace(&format!("configs/{config}/builds")), &json!({ "options": { "force": true } })).await;
        let build = id(&answer.expect(201));
        eventually("it is built", async || {
            let record = stack.api.get(&format!("/builds/{build}")).await.expect(200);
            (record["status"] == "active").then_some(())
        })
        .await;
        build
    };
    let (_, active) = (build().await, build().await);
    stack.announce("never.csv", 10, None).await.expect(201);
    let document = stack.document("people.csv", PEOPLE).await;
    run(&stack, &config, &document).await;
    eventually("all that is old is gone", async || {
        let archives: Vec<String> = keys(&stack, "builds/").await.into_iter().filter(|key| key.ends_with("venv.tar.zst")).collect();
        let rest = keys(&stack, "runs/").await.len() + keys(&stack, "documents/").await.len();
        (rest == 0 && archives == [format!("builds/{active}/venv.tar.zst")]).then_some(())
    })
    .await;
    let listed = stack.api.get(&stack.in_workspace("documents")).await.expect(200);
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_workspace_leaves_nothing_behind() {
    let stack = Stack::start().await;
    let workspace = id(&stack.api.post("/workspaces", &json!({ "name": "Other" })).await.expect(201));
    let path = format!("/workspaces/{workspace}");
    let body = json!({ "name": "Default", "source": { "type": "template" } });
    let config = id(&stack.api.post(&format!("{path}/configs"), &body).await.expect(201));
    let body = json!({ "name": "people.csv", "byte_size": PEOPLE.len(), "content_type": "text/csv" });
    let announced = stack.api.post(&format!("{path}/documents"), &body).await.expect(201);
    assert_eq!(stack.upload(&announced, PEOPLE).await, 200);
    let document = id(&stack.api.post(&format!("/documents/{}/complete", id(&announced)), &json!({})).await.expect(200));
    run(&stack, &config, &document).await;
    eventually("the config is deleted", async || (delete(&stack, &format!("{path}/configs/{config}")).await == 204).then_some(())).await;
    assert!(!keys(&stack, "runs/").await.is_empty(), "its runs stay");
    eventually("the workspace is deleted", async || (delete(&stack, &format!("{path}?purge=true")).await == 204).then_some(())).await;
    eventually("nothing is left", async || keys(&stack, "").await.iter().all(|key| key.starts_with("system/")).then_some(())).await;
    stack.api.get(&path).await.refused(404, "workspace_not_found");
}
