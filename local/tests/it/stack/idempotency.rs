//! Requests that are sent again with their `Idempotency-Key`.

use std::collections::BTreeSet;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::client::{Answer, Api, assert_whole_log};
use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, run_of};

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    api.send(api.request(Method::POST, path).header("idempotency-key", key).json(body)).await
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_repeats_at_once_create_one_run() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let (path, body) = (format!("/configs/{config}/runs"), json!({ "input_documents": [document] }));
    let answers = join_all((0..50).map(|_| post(&stack.api, &path, "once", &body))).await;
    let first: Vec<_> = answers.iter().filter(|answer| answer.status == 201 && !replayed(answer)).collect();
    assert_eq!(first.len(), 1, "one request was carried out");
    let run = id(&first[0].json());
    for answer in &answers {
        if answer.status == 201 {
            assert_eq!((&answer.body, answer.header("location")), (&first[0].body, first[0].header("location")));
        } else {
            answer.refused(409, "request_in_progress");
            assert!(answer.header("retry-after").is_some());
        }
    }
    let again = post(&stack.api, &path, "once", &body).await;
    assert!(replayed(&again));
    assert_eq!(again.expect(201), first[0].json());
    stack.finished(&run).await;
    let listed = stack.api.get(&stack.in_workspace("runs")).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().iter().map(id).collect::<Vec<_>>(), [run.as_str()]);

    let other = json!({ "input_documents": [document], "options": { "dry_run": true } });
    post(&stack.api, &path, "once", &other).await.refused(422, "idempotency_key_reused");
    let elsewhere = stack.config().await;
    post(&stack.api, &format!("/configs/{elsewhere}/runs"), "once", &body).await.refused(422, "idempotency_key_reused");
    let another = stack.api.with_key(Some(&stack.key_of("operator").await));
    let theirs = post(&another, &path, "once", &body).await;
    assert!(!replayed(&theirs), "a key is its user's own");
    assert_ne!(id(&theirs.expect(201)), run);
    let retry = format!("/runs/{run}/retry");
    let retried = post(&stack.api, &retry, "once", &json!({})).await;
    assert!(!replayed(&retried), "and belongs to an operation");
    assert_eq!(post(&stack.api, &retry, "once", &json!({})).await.expect(201), retried.expect(201));
    let batch = json!({ "config_id": config, "input_documents": [document] });
    let created = post(&stack.api, &stack.in_workspace("runs/batch"), "b", &batch).await.expect(201);
    assert_eq!(post(&stack.api, &stack.in_workspace("runs/batch"), "b", &batch).await.expect(201), created);
}

#[tokio::test]
async fn a_repeated_stream_follows_the_same_run() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let (path, body) = (format!("/configs/{config}/runs"), json!({ "stream": true, "input_documents": [document] }));
    let request = || stack.api.request(Method::POST, &path).header("idempotency-key", "stream").json(&body);
    let mut first = stack.api.stream(request()).await;
    let run = run_of(&first);
    first.until(|event| event["type"] == "run.created").await;
    // Its client goes away; the repeat comes while the run is under way.
    drop(first);
    let again = eventually("the mark says which run it is", async || {
        let answer = request().send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
    let () = again;
    let again = stack.api.stream(request()).await;
    assert_eq!((run_of(&again), again.headers["idempotent-replayed"].as_bytes()), (run.clone(), &b"true"[..]));
    let events = again.rest().await;
    assert_whole_log(&events, "run");
    assert_eq!(stack.api.get(&stack.in_workspace("runs")).await.expect(200)["data"].as_array().unwrap().len(), 1);

    let builds = stack.in_workspace(&format!("configs/{config}/builds"));
    let force = json!({ "options": { "force": true } });
    let build = post(&stack.api, &builds, "build", &force).await.expect(201);
    assert_eq!(post(&stack.api, &builds, "build", &force).await.expect(201), build);
}

#[tokio::test]
async fn secrets_are_not_repeated_and_uploads_are_presigned_anew() {
    let stack = Stack::start().await;
    let (keys, new) = (stack.in_workspace("api-keys"), json!({ "name": "Nightly", "role": "viewer" }));
    let first = post(&stack.api, &keys, "k", &new).await.expect(201);
    let again = post(&stack.api, &keys, "k", &new).await;
    assert!(replayed(&again) && first["secret"].is_string());
    assert_eq!((&again.expect(201)["secret"], id(&again.json())), (&json!(null), id(&first)));

    let documents = stack.in_workspace("documents");
    let new = json!({ "name": "people.csv", "byte_size": PEOPLE.len(), "content_type": "text/csv" });
    let first = post(&stack.api, &documents, "d", &new).await.expect(201);
    let again = post(&stack.api, &documents, "d", &new).await;
    assert!(replayed(&again));
    let again = again.expect(201);
    assert_eq!(id(&again), id(&first));
    assert_eq!(stack.upload(&again, PEOPLE).await, 200, "the new URL works");
    let complete = format!("/documents/{}/complete", id(&first));
    let ready = post(&stack.api, &complete, "c", &json!({})).await.expect(200);
    assert_eq!(post(&stack.api, &complete, "c", &json!({})).await.expect(200), ready);

    let first = post(&stack.api, "/workspaces", "w", &json!({ "name": "One" })).await.expect(201);
    assert_eq!(post(&stack.api, "/workspaces", "w", &json!({ "name": "One" })).await.expect(201), first);
    let configs = stack.in_workspace("configs");
    let new = json!({ "name": "x", "source": { "type": "template" } });
    let made: BTreeSet<_> =
        [post(&stack.api, &configs, "x", &new).await, post(&stack.api, &configs, "x", &new).await].iter().map(|a| id(&a.json())).collect();
    assert_eq!(made.len(), 1);
}

#[tokio::test]
async fn a_refused_request_may_be_corrected() {
    let stack = Stack::start().await;
    let (config, path) = (stack.config().await, stack.in_workspace("api-keys"));
    post(&stack.api, &path, "key", &json!({ "name": "" , "role": "viewer" })).await.refused(422, "validation_failed");
    let made = post(&stack.api, &path, "key", &json!({ "name": "Right", "role": "viewer" })).await;
    assert!(!replayed(&made) && made.status == 201, "{made:?}");

    let document = stack.announce("late.csv", PEOPLE.len(), None).await.expect(201);
    let (runs, body) = (format!("/configs/{config}/runs"), json!({ "input_documents": [id(&document)] }));
    post(&stack.api, &runs, "late", &body).await.refused(409, "document_not_ready");
    stack.upload(&document, PEOPLE).await;
    stack.api.post(&format!("/documents/{}/complete", id(&document)), &json!({})).await.expect(200);
    post(&stack.api, &runs, "late", &body).await.expect(201);

    for bad in [String::new(), "x".repeat(256)] {
        post(&stack.api, &path, &bad, &json!({ "name": "x", "role": "viewer" })).await.refused(400, "invalid_idempotency_key");
    }
}
