//! What is refused, with which status and code. No input may cause a 500 or a panic; the client and the stack see to that.

use std::io::Write as _;

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::fixtures::{ENCRYPTED, MESSY, PEOPLE};
use super::server::{Stack, id, run_of};

const NO_RUN: &str = "run_01JZX3Q4T5V6W7X8Y9ZABCDEFG";
const NO_BUILD: &str = "build_01JZX3Q4T5V6W7X8Y9ZABCDEFG";
const NO_CONFIG: &str = "cfg_01JZX3Q4T5V6W7X8Y9ZABCDEFG";
const NO_DOCUMENT: &str = "doc_01JZX3Q4T5V6W7X8Y9ZABCDEFG";
const NO_WORKSPACE: &str = "ws_01JZX3Q4T5V6W7X8Y9ZABCDEFG";

#[tokio::test]
async fn requests_about_what_is_not_there() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let runs = |config: &str| format!("/configs/{config}/runs");
    let of = |document: &str| json!({ "input_documents": [document] });
    let unknown = [
        (Method::GET, format!("/workspaces/{NO_WORKSPACE}"), json!(null), "workspace_not_found"),
        (Method::GET, format!("/workspaces/{NO_WORKSPACE}/runs"), json!(null), "workspace_not_found"),
        (Method::GET, stack.in_workspace(&format!("configs/{NO_CONFIG}")), json!(null), "config_not_found"),
        (Method::POST, stack.in_workspace(&format!("configs/{NO_CONFIG}/builds")), json!({}), "config_not_found"),
        (Method::POST, runs(NO_CONFIG), of(&document), "config_not_found"),
        (Method::POST, runs("nonsense"), of(&document), "config_not_found"),
        (Method::POST, runs(NO_RUN), of(&document), "config_not_found"),
        (Method::POST, runs(&config), of(NO_DOCUMENT), "document_not_found"),
        (Method::POST, format!("/documents/{NO_DOCUMENT}/complete"), json!({}), "document_not_found"),
        (Method::GET, format!("/documents/{NO_DOCUMENT}"), json!(null), "document_not_found"),
        (Method::GET, format!("/builds/{NO_BUILD}"), json!(null), "build_not_found"),
        (Method::GET, format!("/builds/{NO_BUILD}/logs"), json!(null), "build_not_found"),
        (Method::GET, format!("/builds/{NO_BUILD}/events"), json!(null), "build_not_found"),
        (Method::GET, format!("/runs/{NO_RUN}"), json!(null), "run_not_found"),
        (Method::GET, format!("/runs/{}", NO_RUN.to_lowercase()), json!(null), "run_not_found"),
        (Method::GET, format!("/runs/{NO_RUN}/logs"), json!(null), "run_not_found"),
        (Method::GET, format!("/runs/{NO_RUN}/events"), json!(null), "run_not_found"),
        (Method::GET, format!("/runs/{NO_RUN}/artifact"), json!(null), "run_not_found"),
        (Method::GET, format!("/runs/{NO_RUN}/outputs"), json!(null), "run_not_found"),
        (Method::GET, format!("/runs/{NO_RUN}/outputs/a.xlsx"), json!(null), "run_not_found"),
        (Method::GET, "/no-such-thing".to_owned(), json!(null), "not_found"),
        (Method::DELETE, "/health".to_owned(), json!(null), "not_found"),
        (Method::PATCH, format!("/runs/{NO_RUN}"), json!({}), "not_found"),
    ];
    for (method, path, body, code) in unknown {
        let request = stack.api.request(method.clone(), &path);
        let request = if body.is_null() { request } else { request.json(&body) };
        let problem = stack.api.send(request).await;
        assert_eq!((problem.status, &problem.json()["code"]), (404, &json!(code)), "{method} {path}");
    }
}

#[tokio::test]
async fn callers_that_are_not_known() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let other = stack.api.post("/workspaces", &json!({ "name": "Other" })).await.expect(201);
    let others_key = stack.key_in(&id(&other), "admin").await;
    let path = stack.in_workspace(&format!("configs/{config}"));
    let mut altered = stack.key().to_owned();
    let last = if altered.pop() == Some('0') { '1' } else { '0' };
    altered.push(last);
    let strangers = [None, Some(""), Some("nonsense"), Some("ade_key_01JZX3Q4T5V6W7X8Y9ZABCDEFG_00"), Some(altered.as_str())];
    for key in strangers {
        let problem = stack.api.with_key(key).get(&path).await;
        problem.refused(401, "unauthorized");
        assert_eq!(problem.header("www-authenticate"), Some("Bearer"));
    }
    stack.api.with_key(Some(&others_key)).get(&path).await.refused(404, "config_not_found");
    let header = stack.api.with_key(None).request(Method::GET, &path).header("x-api-key", stack.key());
    assert_eq!(id(&stack.api.send(header).await.expect(200)), config, "either header will do");
    let basic = stack.api.with_key(None).request(Method::GET, &path).basic_auth("ade", Some(stack.key()));
    stack.api.send(basic).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn bodies_and_queries_that_are_wrong() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let runs = format!("/configs/{config}/runs");
    let send = async |path: &str, content_type: Option<&str>, body: &str| {
        let request = stack.api.request(Method::POST, path).body(body.to_owned());
        stack.api.send(content_type.into_iter().fold(request, |request, value| request.header("content-type", value))).await
    };
    let json_type = Some("application/json");
    send(&runs, json_type, "{\"input_documents\": [").await.refused(400, "invalid_json");
    send(&runs, json_type, "{} {}").await.refused(400, "invalid_json");
    send(&runs, json_type, "\u{0}\u{1}").await.refused(400, "invalid_json");
    send(&runs, json_type, "").await.refused(400, "body_required");
    send(&runs, None, "").await.refused(400, "body_required");
    send(&runs, Some("text/csv"), "a,b").await.refused(415, "unsupported_media_type");
    send(&runs, Some("application/x-www-form-urlencoded"), "a=b").await.refused(415, "unsupported_media_type");
    send(&runs, json_type, &format!("{{\"options\": \"{}\"}}", "x".repeat(2 << 20))).await.refused(413, "payload_too_large");
    let nested = format!("{{\"options\": {{\"metadata\": {{\"a\": {}{}}}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!((400..500).contains(&send(&runs, json_type, &nested).await.status));

    let (documents, configs) = (stack.in_workspace("documents"), stack.in_workspace("configs"));
    let new = |name: &str, byte_size: Value| json!({ "name": name, "byte_size": byte_size, "content_type": "text/csv" });
    let invalid = [
        (&runs, json!({ "input_documents": [document], "surprise": 1 }), "surprise", "unknown_field"),
        (&runs, json!({ "input_documents": [document], "options": { "fast": true } }), "options.fast", "unknown_field"),
        (&runs, json!({ "input_documents": [document], "options": { "timeout_seconds": 0 } }), "options.timeout_seconds", "out_of_range"),
        (&runs, json!({ "input_documents": [document], "options": { "version": "newest" } }), "options.version", "invalid_value"),
        (
            &runs,
            json!({ "input_documents": [document], "options": { "input_sheet_names": ["S", " "] } }),
            "options.input_sheet_names[1]",
            "required",
        ),
        (&runs, json!({ "input_documents": document }), "input_documents", "invalid_type"),
        (&runs, json!({ "input_documents": ["nonsense"] }), "input_documents[0]", "invalid_value"),
        (&runs, json!({ "input_documents": [document, document] }), "input_documents", "duplicate"),
        (&runs, json!({}), "input_documents", "required"),
        (&documents, new("", json!(1)), "name", "required"),
        (&documents, new(&"x".repeat(256), json!(1)), "name", "too_long"),
        (&documents, new("a\nb.csv", json!(1)), "name", "invalid_value"),
        (&documents, new("a.csv", json!(-1)), "byte_size", "invalid_value"),
        (&documents, json!({ "name": "a.csv" }), "byte_size", "required"),
        (&configs, json!({ "name": "x" }), "source", "required"),
        (&configs, json!({ "name": " ", "source": { "type": "template" } }), "name", "required"),
    ];
    for (path, body, field, code) in invalid {
        let problem = stack.api.post(path, &body).await.refused(422, "validation_failed");
        let errors = problem["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error["path"] == field && error["code"] == code), "{field} {code} in {problem:#}");
    }

    for query in ["limit=0", "limit=201", "limit=-1", "limit=many", "cursor=nonsense", "cursor=", "surprise=1", "status=lost"] {
        stack.api.get(&stack.in_workspace(&format!("runs?{query}"))).await.refused(422, "validation_failed");
    }
    let run = run_of(&stack.run(&config, &document).await);
    stack.finished(&run).await;
    for query in ["limit=0", "limit=1001", "after_id=-1", "after_id=x", "stream=both"] {
        stack.api.get(&format!("/runs/{run}/logs?{query}")).await.refused(422, "validation_failed");
    }
    let other = stack.api.get(&stack.in_workspace("configs?limit=1")).await.expect(200);
    assert_eq!(other["has_more"], false);
}

#[tokio::test]
async fn documents_that_are_no_workbooks() {
    let stack = Stack::start_with(&[("ADE_DOCUMENT_SIZE_LIMIT", "1MiB")]).await;
    let mut corrupt = MESSY.to_vec();
    corrupt.truncate(MESSY.len() / 2);
    let unreadable: [(&str, &[u8], &str); 8] = [
        ("corrupt.xlsx", &corrupt, "document_unreadable"),
        ("noise.xlsx", b"PK\x03\x04 and then nothing that a ZIP archive would hold", "document_unreadable"),
        ("secret.xlsx", ENCRYPTED, "document_encrypted"),
        ("notes.xlsx", b"Dear all,\nplease find the numbers below.\n", "document_kind_mismatch"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01", "document_kind_mismatch"),
        ("program.exe", b"MZ\x90\0", "document_kind_unsupported"),
        ("noextension", PEOPLE, "document_kind_unsupported"),
        ("people.xlsx", PEOPLE, "document_kind_mismatch"),
    ];
    for (name, content, code) in unreadable {
        let answer = stack.complete(name, content).await;
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!(code)), "{name}: {:#}", answer.json());
    }
    stack.announce("empty.csv", 0, None).await.refused(422, "document_empty");
    stack.announce("large.csv", (1 << 20) + 1, None).await.refused(413, "document_too_large");

    let document = stack.announce("late.csv", PEOPLE.len(), None).await.expect(201);
    let complete = format!("/documents/{}/complete", id(&document));
    stack.api.post(&complete, &json!({})).await.refused(409, "document_not_uploaded");
    let config = stack.config().await;
    let body = json!({ "input_documents": [id(&document)] });
    stack.api.post(&format!("/configs/{config}/runs"), &body).await.refused(409, "document_not_ready");

    // What may be uploaded is decided when the URL is signed.
    assert_eq!(stack.upload(&document, b"shorter").await, 403);
    assert_eq!(stack.upload(&document, &[PEOPLE, b"\n"].concat()).await, 403);
    let promised = stack.announce("promised.csv", PEOPLE.len(), Some(&hex::encode(Sha256::digest(PEOPLE)))).await.expect(201);
    let mut altered = PEOPLE.to_vec();
    altered[0] ^= 1;
    assert_eq!(stack.upload(&promised, &altered).await, 400);
    assert_eq!(stack.upload(&promised, PEOPLE).await, 200);
    assert_eq!(stack.upload(&promised, PEOPLE).await, 412, "written once");
    let ready = stack.api.post(&format!("/documents/{}/complete", id(&promised)), &json!({})).await.expect(200);
    assert_eq!((&ready["status"], &ready["sha256"]), (&json!("ready"), &json!(hex::encode(Sha256::digest(PEOPLE)))));
}

#[tokio::test]
async fn paths_that_lead_elsewhere() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    stream.rest().await;
    // As they are written: a client library would resolve dots before it sends them.
    let elsewhere = [
        "../logs/1/artifact.json",
        "%2e%2e/logs/1/artifact.json",
        "..%2flogs%2f1%2fartifact.json",
        "a/../../logs/1/artifact.json",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "a%00b",
        "%ff%fe",
        "..",
        "",
    ];
    for path in elsewhere {
        let (status, body) = raw_get(&stack, &format!("/api/v1/runs/{run}/outputs/{path}"));
        let expected = if path.starts_with("%ff") { 400 } else { 404 };
        assert_eq!(status, expected, "{path:?}: {body}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        stack.api.contract().check_problem(&problem);
    }
}

/// A GET request exactly as written; the status and body of its answer.
fn raw_get(stack: &Stack, path: &str) -> (u16, String) {
    use std::io::Read as _;
    let address = stack.url().strip_prefix("http://").unwrap();
    let mut connection = std::net::TcpStream::connect(address).unwrap();
    let key = stack.key();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { body.lines().skip(1).step_by(2).collect() } else { body.to_owned() };
    (status, body)
}
