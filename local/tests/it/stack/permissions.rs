//! Requests that need permissions which nothing else in the suite makes a function use.

use http::Method;
use serde_json::json;

use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, run_of};

#[tokio::test]
async fn a_version_is_run_and_exported_by_its_id() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let first = run_of(&stack.run(&config, &document).await);
    let build = stack.finished(&first).await["build_id"].as_str().unwrap().to_owned();
    let version = stack.api.get(&format!("/builds/{build}")).await.expect(200)["config_version_id"].as_str().unwrap().to_owned();
    let options = json!({ "version": version });

    let body = json!({ "input_documents": [document], "options": options });
    let run = id(&stack.api.post(&format!("/configs/{config}/runs"), &body).await.expect(201));
    let body = json!({ "config_id": config, "input_documents": [document], "options": options });
    let batch = stack.api.post(&stack.in_workspace("runs/batch"), &body).await.expect(201);
    for run in [run, id(&batch["data"][0])] {
        assert_eq!(stack.finished(&run).await["build_id"], json!(build));
    }
    let path = stack.in_workspace(&format!("configs/{config}/export?version={version}"));
    stack.api.send(stack.api.request(Method::GET, &path).header("accept", "application/json")).await.expect(200);

    let listed = stack.api.get(&stack.in_workspace("documents")).await.expect(200);
    assert_eq!(listed["data"][0]["last_run"]["id"], batch["data"][0]["id"]);
}

#[tokio::test]
async fn what_is_gone_from_the_bucket_is_said_to_be() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let run = run_of(&stack.run(&config, &document).await);
    let record = stack.finished(&run).await;
    let build = record["build_id"].as_str().unwrap();
    let output = stack.api.get(&format!("/runs/{run}/outputs")).await.expect(200)["data"][0]["name"].as_str().unwrap().to_owned();

    let bucket = stack.bucket();
    for object in bucket.list("").await {
        bucket.delete(&object.key).await;
    }
    for (path, status, code) in [
        (format!("/runs/{run}/artifact"), 404, "artifact_not_found"),
        (format!("/runs/{run}/summary"), 404, "artifact_not_found"),
        (format!("/runs/{run}/issues"), 404, "artifact_not_found"),
        (format!("/runs/{run}/outputs/{output}"), 404, "output_not_found"),
        (format!("/documents/{document}/sheets"), 409, "document_not_ready"),
        (format!("/documents/{document}/preview"), 409, "document_not_ready"),
    ] {
        stack.api.get(&path).await.refused(status, code);
    }
    // What a build is made of is no more, it itself is on record.
    assert_eq!(stack.api.get(&format!("/builds/{build}")).await.expect(200)["id"], json!(build));
}

#[tokio::test]
async fn a_build_that_waits_for_a_builder_is_canceled_at_once() {
    let stack = Stack::start_with(&[("ADE_LOCAL_EXECUTORS", "1")]).await;
    let (busy, waiting) = (stack.config().await, stack.config().await);
    let endless = b"import time\nwhile True:\n    time.sleep(1)\n";
    stack.bucket().put(&format!("configs/{busy}/draft/src/ade_config/__init__.py"), endless).await;
    let build =
        async |config: &str| id(&stack.api.post(&stack.in_workspace(&format!("configs/{config}/builds")), &json!({})).await.expect(201));
    let cancel = async |build: &str| stack.api.send(stack.api.request(Method::POST, &format!("/builds/{build}/cancel"))).await.expect(200);
    let first = build(&busy).await;
    eventually("the builder is busy", async || {
        (stack.api.get(&format!("/builds/{first}")).await.expect(200)["status"] == "building").then_some(())
    })
    .await;
    let second = build(&waiting).await;
    assert_eq!(cancel(&second).await["status"], "canceled");
    // Its config is free again.
    let third = build(&waiting).await;
    assert_ne!(third, second);
    cancel(&third).await;
    cancel(&first).await;
}
