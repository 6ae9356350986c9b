//! The ledger of documents: found by what is known of them, downloaded, deleted.

use http::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, run_of};

#[tokio::test]
async fn documents_are_found_by_what_is_known_of_them() {
    let stack = Stack::start().await;
    let people = stack.document("People 2026.csv", PEOPLE).await;
    let other = stack.document("Größen.csv", b"a,b\n1,2\n").await;
    let pending = id(&stack.announce("later people.csv", 10, None).await.expect(201));
    let uploader = stack.api.get(&format!("/documents/{people}")).await.expect(200)["uploader"]["id"].as_str().unwrap().to_owned();
    let found = async |query: &str| {
        let listed = stack.api.get(&stack.in_workspace(&format!("documents?{query}"))).await.expect(200);
        listed["data"].as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    eventually("the list follows", async || (found("status=ready").await == [other.as_str(), &people]).then_some(())).await;
    assert_eq!(found("").await, [pending.as_str(), &other, &people], "newest first");
    assert_eq!(found("q=PEOPLE").await, [pending.as_str(), &people]);
    assert_eq!(found("q=gr%C3%B6%C3%9F").await, [other.as_str()]);
    assert_eq!(found("q=people&status=pending").await, [pending.as_str()]);
    let hash = hex::encode(Sha256::digest(PEOPLE));
    assert_eq!(found(&format!("sha256={}", hash.to_uppercase())).await, [people.as_str()]);
    assert_eq!(found(&format!("uploader={uploader}")).await.len(), 3);
    assert_eq!(found("uploader=nobody").await, [""; 0]);
    let first = stack.api.get(&stack.in_workspace("documents?limit=2")).await.expect(200);
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (2, &json!(true)));
    assert_eq!(found(&format!("limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await, [people.as_str()]);
    for query in ["sha256=abc", "status=lost", "limit=0", "cursor=x", "name=x"] {
        stack.api.get(&stack.in_workspace(&format!("documents?{query}"))).await.refused(422, "validation_failed");
    }
}

#[tokio::test]
async fn a_document_is_downloaded_and_deleted_and_its_runs_stay() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let path = format!("/documents/{document}");
    let redirect = stack.api.get(&format!("{path}/download")).await;
    assert_eq!(redirect.status, 307);
    let content = stack.api.http().get(redirect.header("location").unwrap()).send().await.unwrap();
    assert!(content.headers()["content-disposition"].to_str().unwrap().contains("people.csv"));
    assert_eq!(content.bytes().await.unwrap(), PEOPLE);
    let pending = id(&stack.announce("later.csv", 10, None).await.expect(201));
    stack.api.get(&format!("/documents/{pending}/download")).await.refused(409, "document_not_ready");

    assert_eq!(stack.api.get(&path).await.expect(200)["last_run"], json!(null));
    let run = run_of(&stack.run(&config, &document).await);
    stack.finished(&run).await;
    eventually("the document shows its run", async || {
        let shown = stack.api.get(&path).await.expect(200);
        (shown["last_run"]["id"] == run.as_str() && shown["last_run"]["status"] == "succeeded").then_some(())
    })
    .await;

    let delete = async || stack.api.send(stack.api.request(Method::DELETE, &path)).await;
    assert_eq!(delete().await.status, 204);
    delete().await.refused(404, "document_not_found");
    stack.api.get(&path).await.refused(404, "document_not_found");
    stack.api.get(&format!("{path}/download")).await.refused(404, "document_not_found");
    stack.api.post(&format!("/configs/{config}/runs"), &json!({ "input_documents": [document] })).await.refused(404, "document_not_found");
    eventually("the list follows", async || {
        let listed = stack.api.get(&stack.in_workspace("documents")).await.expect(200);
        (listed["data"].as_array().unwrap().iter().all(|other| id(other) != document)).then_some(())
    })
    .await;
    assert_eq!(stack.api.get(&format!("/runs/{run}")).await.expect(200)["status"], "succeeded");
    let again = stack.api.post(&format!("/runs/{run}/retry"), &json!({})).await.expect(201);
    assert_eq!(stack.finished(&id(&again)).await["status"], "succeeded", "runs have copies of their own");
}
