//! The path that ADE exists for: a document and a config go in, a clean workbook and an audit record come out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::client::{Answer, assert_whole_log};
use super::fixtures::{MESSY, PEOPLE};
use super::server::{Stack, id, run_of};

#[tokio::test]
async fn a_document_becomes_a_clean_workbook_and_an_audit_record() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let document = stack.document("member return (final).xlsx", MESSY).await;

    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    let build = assert_built_within_the_run(&events);
    let completed = &events[events.len() - 1];
    assert_eq!((&completed["status"], &completed["exit_code"], &completed["failure"]), (&json!("succeeded"), &json!(0), &Value::Null));
    assert_eq!(events[0]["trace_id"].as_str().map(str::is_empty), Some(false));

    let record = stack.api.get(&format!("/runs/{run}")).await.expect(200);
    assert_eq!((&record["status"], &record["attempt"], &record["build_id"]), (&json!("succeeded"), &json!(1), &json!(build)));
    assert_eq!(record["last_event_id"], events.len());
    assert_eq!(record["input_documents"][0]["sha256"], hex::encode(Sha256::digest(MESSY)));
    assert!(record["result"]["tables"].as_u64() >= Some(2), "{record:#}");
    assert_eq!(stack.events(&run, 0, false).await.rest().await, events, "the log is what was streamed");

    let outputs = stack.api.get(&format!("/runs/{run}/outputs")).await.expect(200);
    let outputs = outputs["data"].as_array().unwrap();
    assert_eq!(
        outputs.iter().map(|output| &output["name"]).collect::<Vec<_>>(),
        completed["output_paths"].as_array().unwrap().iter().collect::<Vec<_>>()
    );
    let [output] = outputs.as_slice() else { panic!("one output, not {outputs:#?}") };
    let workbook = download(&stack, &format!("/runs/{run}/outputs/{}", output["name"].as_str().unwrap())).await;
    assert!(workbook.starts_with(b"PK"));
    assert_eq!((&output["byte_size"], &output["sha256"]), (&json!(workbook.len()), &json!(hex::encode(Sha256::digest(&workbook)))));
    let announced: Vec<_> = events.iter().filter(|event| event["type"] == "run.output").collect();
    assert_eq!((announced.len(), &announced[0]["path"], &announced[0]["byte_size"]), (1, &output["name"], &output["byte_size"]));

    let artifact: Value = serde_json::from_slice(&download(&stack, &format!("/runs/{run}/artifact")).await).unwrap();
    assert_eq!(artifact["run"]["status"], "succeeded");
    let tables = artifact["tables"].as_array().unwrap();
    let mapped: BTreeSet<_> =
        tables.iter().flat_map(|table| table["mapped_columns"].as_array().unwrap()).map(|c| c["field"].as_str().unwrap()).collect();
    assert!(mapped.is_superset(&BTreeSet::from(["email", "first_name", "last_name"])), "{mapped:?}");
    assert!(tables.iter().flat_map(|table| table["mapped_columns"].as_array().unwrap()).all(|column| column["score"].as_f64() > Some(0.0)));

    assert_files_of_run(&stack, &run, &document).await;

    let second = stack.run(&config, &document).await;
    let second_run = run_of(&second);
    let again = second.rest().await;
    assert_whole_log(&again, "run");
    assert!(again.iter().all(|event| !event["type"].as_str().unwrap().starts_with("build.")), "the build is reused");
    let started = again.iter().find(|event| event["type"] == "run.started").unwrap();
    assert_eq!((&started["build_id"], &started["attempt"]), (&json!(build), &json!(1)));
    assert_eq!(again[again.len() - 1]["status"], "succeeded");

    let listed = stack.api.get(&stack.in_workspace("runs?limit=1")).await.expect(200);
    assert_eq!((&listed["data"][0]["id"], &listed["has_more"]), (&json!(second_run), &json!(true)));
    let cursor = listed["next_cursor"].as_str().unwrap();
    let listed = stack.api.get(&stack.in_workspace(&format!("runs?limit=1&cursor={cursor}"))).await.expect(200);
    assert_eq!((&listed["data"][0]["id"], &listed["has_more"]), (&json!(run), &json!(false)));
}

/// Panics unless the run's log holds a whole build before the run starts; the build's id.
fn assert_built_within_the_run(events: &[Value]) -> String {
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let place = |kind| kinds.iter().position(|other| *other == kind).unwrap_or_else(|| panic!("no {kind} in {kinds:?}"));
    let (created, completed, started) = (place("build.created"), place("build.completed"), place("run.started"));
    assert!(0 < created && created < completed && completed < started, "{kinds:?}");
    assert_eq!(events[completed]["status"], "active");
    let build = events[created]["build_id"].as_str().unwrap();
    assert!(events[created..=completed].iter().all(|event| event["build_id"] == build));
    assert_eq!(events[started]["build_id"], build);
    build.to_owned()
}

/// Follows a download to its bytes, in both of its forms.
async fn download(stack: &Stack, path: &str) -> Vec<u8> {
    let redirect = stack.api.get(path).await;
    assert_eq!(redirect.status, 307, "{redirect:?}");
    let url = redirect.header("location").unwrap();
    let response = stack.api.http().get(url).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let header = |name| response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap();
    let name = path.rsplit('/').next().unwrap().replace("artifact", "artifact.json");
    assert!(header("content-disposition").starts_with("attachment"), "{}", header("content-disposition"));
    assert!(header("content-disposition").contains(&name), "{}", header("content-disposition"));
    let bytes = response.bytes().await.unwrap().to_vec();

    let request = stack.api.request(http::Method::GET, path).header("accept", "application/json");
    let link: Value = Answer::expect(&stack.api.send(request).await, 200);
    assert_eq!((&link["byte_size"], &link["name"]), (&json!(bytes.len()), &json!(name)));
    let again = stack.api.http().get(link["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(again.bytes().await.unwrap(), bytes);
    bytes
}

/// Panics unless the bucket holds exactly the run's own copy of its document, its output, its artifact and its log.
async fn assert_files_of_run(stack: &Stack, run: &str, document: &str) {
    let bucket = stack.bucket();
    let mut kinds = BTreeMap::<&str, usize>::new();
    for object in bucket.list(&format!("runs/{run}/")).await {
        let parts: Vec<_> = object.key.split('/').skip(2).collect();
        let kind = match parts.as_slice() {
            ["input", of, _] if of == &document => "input",
            ["output", "1", _] => "output",
            ["logs", "1", "artifact.json"] => "artifact",
            ["logs", segment] if segment.ends_with("-0001.ndjson") => "segment",
            _ => panic!("{} has no business there", object.key),
        };
        *kinds.entry(kind).or_default() += 1;
        assert_eq!(bucket.read(&object.key).await.len(), object.byte_size);
    }
    let segments = kinds.remove("segment");
    assert!(segments > Some(0));
    assert_eq!(kinds, BTreeMap::from([("artifact", 1), ("input", 1), ("output", 1)]));
}

#[tokio::test]
async fn several_documents_make_one_run_with_one_artifact() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let documents = [stack.document("a.csv", PEOPLE).await, stack.document("b.csv", PEOPLE).await];
    let body = json!({ "stream": true, "input_documents": documents });
    let stream = stack.api.stream(stack.api.request(http::Method::POST, &format!("/configs/{config}/runs")).json(&body)).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    assert_eq!(events[events.len() - 1]["output_paths"].as_array().unwrap().len(), 2, "{:#}", events[events.len() - 1]);
    let artifact: Value = serde_json::from_slice(&download(&stack, &format!("/runs/{run}/artifact")).await).unwrap();
    let sources: Vec<_> = artifact["tables"].as_array().unwrap().iter().map(|table| table["source_file"].as_str().unwrap()).collect();
    assert_eq!(sources, ["a.csv", "b.csv"]);
}

#[tokio::test]
async fn options_change_what_a_run_does() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let run = async |body: Value| {
        let created = stack.api.post(&format!("/configs/{config}/runs"), &body).await;
        let run = id(&created.expect(201));
        assert_eq!(created.header("location"), Some(format!("/api/v1/runs/{run}").as_str()));
        stack.finished(&run).await
    };
    let validated = run(json!({ "options": { "validate_only": true } })).await;
    assert_eq!((&validated["status"], &validated["input_documents"]), (&json!("succeeded"), &json!([])), "{validated:#}");
    let dry = run(json!({ "input_documents": [document], "options": { "dry_run": true } })).await;
    assert_eq!((&dry["status"], &dry["result"]["outputs"]), (&json!("succeeded"), &json!(0)), "{dry:#}");
    assert!(dry["artifact_uri"].as_str().unwrap().starts_with("s3://ade-data/runs/"));
    let missing_sheet = run(json!({ "input_documents": [document], "options": { "input_sheet_names": ["No such sheet"] } })).await;
    assert_eq!(
        (&missing_sheet["status"], &missing_sheet["failure"]["code"]),
        (&json!("failed"), &json!("input_error")),
        "{missing_sheet:#}"
    );
    assert!(missing_sheet["error_message"].as_str().unwrap().contains("No such sheet"), "{missing_sheet:#}");
}

/// As a deployment is by default: executor and builder refuse calls that name no tenant.
#[tokio::test]
async fn with_tenant_isolation_every_call_names_its_tenant() {
    let stack = Stack::start_with(&[("ADE_TENANT_ISOLATION", "true")]).await;
    let executor = |health: &serde_json::Value| {
        health["components"].as_array().unwrap().iter().find(|component| component["name"] == "executor").unwrap().clone()
    };
    let health = stack.api.get("/health").await.expect(200);
    assert_eq!(executor(&health)["status"], "available", "{health:#}");
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let events = stack.run(&config, &document).await.rest().await;
    assert_eq!(events[events.len() - 1]["status"], "succeeded", "{events:#?}");
    stack.api.post(&stack.in_workspace(&format!("configs/{config}/validate")), &json!({})).await.expect(200);
}

#[tokio::test]
async fn safe_mode_records_and_executes_nothing() {
    let stack = Stack::start_with(&[("ADE_SAFE_MODE", "true"), ("ADE_SAFE_MODE_DETAIL", "Moving to a new bucket.")]).await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    let [_, completed] = events.as_slice() else { panic!("{events:#?}") };
    assert_eq!((&completed["status"], &completed["failure"]["code"]), (&json!("canceled"), &json!("safe_mode")));
    assert_eq!((&completed["summary"], &completed["error_message"]), (&json!("Safe mode skip"), &json!("Moving to a new bucket.")));
    assert_eq!(stack.api.get(&format!("/runs/{run}")).await.expect(200)["status"], "canceled");
    assert_eq!(stack.bucket().list(&format!("runs/{run}/")).await, []);
    assert!(stack.processes("executor").is_empty() && stack.processes("builder").is_empty());
    let health = stack.api.get("/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
}
