//! Workspaces, keys, members, safe mode, and what the system tells about itself.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use http::Method;
use serde_json::{Value, json};

use super::client::{Answer, Api, assert_whole_log};
use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, run_of};

async fn send(api: &Api, method: Method, path: &str, body: &Value) -> Answer {
    api.send(api.request(method, path).json(body)).await
}

async fn delete(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::DELETE, path)).await
}

#[tokio::test]
async fn a_workspace_decides_how_many_runs_it_works_on_and_for_how_long() {
    let stack = Stack::start_with_test_engine().await;
    let (api, path) = (&stack.api, format!("/workspaces/{}", stack.workspace));
    let nothing =
        json!({ "concurrent_runs": null, "run_timeout_seconds": null, "run_retention_days": null, "document_retention_days": null });
    assert_eq!(api.get(&path).await.expect(200)["settings"], nothing);
    let settings = async |settings: Value| send(api, Method::PATCH, &path, &json!({ "settings": settings })).await;
    for (name, value) in [
        ("concurrent_runs", 0u64),
        ("concurrent_runs", 10_001),
        ("run_timeout_seconds", 86_401),
        ("run_retention_days", 0),
        ("document_retention_days", 36_501),
    ] {
        let problem = settings(json!({ name: value })).await.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["path"], format!("settings.{name}"));
    }
    settings(json!({ "colour": 1 })).await.refused(422, "validation_failed");

    let changed = settings(json!({ "concurrent_runs": 1, "run_retention_days": 90 })).await.expect(200);
    assert_eq!((&changed["settings"]["concurrent_runs"], &changed["settings"]["run_timeout_seconds"]), (&json!(1), &Value::Null));
    eventually("the list has the settings", async || {
        let listed = api.get("/workspaces").await.expect(200);
        let own = listed["data"].as_array().unwrap().iter().find(|workspace| workspace["id"] == stack.workspace.as_str()).cloned();
        own.filter(|own| *own == changed)
    })
    .await;
    assert_eq!(send(api, Method::PATCH, &path, &json!({ "name": "Other" })).await.expect(200)["settings"], changed["settings"]);

    // One run at a time: the second waits until the workspace allows itself another one.
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let mut first = stack.engine_run(&config, &document, &json!({ "mode": "stubborn" })).await;
    first.until(|event| event["message"] == "working").await;
    let mut second = stack.engine_run(&config, &document, &json!({ "mode": "stubborn" })).await;
    let waiting = run_of(&second);
    eventually("the second run has found no slot", async || {
        let logs = stack.function_logs();
        let mut lines = logs.iter().flat_map(|(_, log)| log.lines());
        lines.any(|line| line.contains(&waiting) && line.contains("no slot")).then_some(())
    })
    .await;
    assert_eq!(api.get(&format!("/runs/{waiting}")).await.expect(200)["status"], "queued");
    settings(json!({ "concurrent_runs": 2, "run_timeout_seconds": 1 })).await.expect(200);
    second.until(|event| event["type"] == "run.started").await;
    let completed = second.rest().await.pop().unwrap();
    assert_eq!(completed["failure"]["code"], "timeout", "{completed}");
    api.send(api.request(Method::POST, &format!("/runs/{}/cancel", run_of(&first)))).await.expect(200);
    assert_eq!(first.rest().await.pop().unwrap()["status"], "canceled");
    assert_eq!(settings(json!({})).await.expect(200)["settings"], nothing);
}

#[tokio::test]
async fn a_workspace_is_renamed_and_deleted() {
    let stack = Stack::start().await;
    let api = &stack.api;
    let one = id(&api.post("/workspaces", &json!({ "name": "One", "slug": "one" })).await.expect(201));
    let path = format!("/workspaces/{one}");
    let renamed = send(api, Method::PATCH, &path, &json!({ "name": "First", "slug": "first" })).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["slug"]), (&json!("First"), &json!("first")));
    assert_eq!(api.get(&path).await.expect(200), renamed);
    send(api, Method::PATCH, &path, &json!({ "slug": "default" })).await.refused(409, "slug_taken");
    assert_eq!(send(api, Method::PATCH, &path, &json!({})).await.expect(200), renamed);
    for (body, field) in [(json!({ "slug": "No Slug" }), "slug"), (json!({ "name": " " }), "name"), (json!({ "colour": "red" }), "colour")]
    {
        let problem = send(api, Method::PATCH, &path, &body).await.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["path"], field);
    }
    // The old slug is free again.
    let two = id(&api.post("/workspaces", &json!({ "name": "Two", "slug": "one" })).await.expect(201));

    let key = stack.key_in(&one, "admin").await;
    let config = json!({ "name": "x", "source": { "type": "template" } });
    api.post(&format!("{path}/configs"), &config).await.expect(201);
    eventually("the index has the config", async || {
        let answer = delete(api, &path).await;
        (answer.status == 409).then(|| answer.refused(409, "workspace_not_empty"))
    })
    .await;
    let gone = delete(api, &format!("/workspaces/{two}")).await;
    assert_eq!(gone.status, 204);
    api.get(&format!("/workspaces/{two}")).await.refused(404, "workspace_not_found");
    api.post("/workspaces", &json!({ "name": "Three", "slug": "one" })).await.expect(201);
    let admin = api.with_key(Some(&key));
    delete(&admin, &path).await.refused(403, "permission_denied");

    let three = id(&api.post("/workspaces", &json!({ "name": "Four" })).await.expect(201));
    let key = stack.key_in(&three, "admin").await;
    eventually("the index has the key", async || {
        let listed = api.get(&format!("/workspaces/{three}/api-keys")).await.expect(200);
        (listed["data"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    assert_eq!(delete(api, &format!("/workspaces/{three}")).await.status, 204);
    api.with_key(Some(&key)).get("/workspaces").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_revoked_key_is_refused_from_the_next_request_on() {
    let stack = Stack::start().await;
    for n in 0..100 {
        let name = format!("Key {n}");
        let created = stack.api.post(&stack.in_workspace("api-keys"), &json!({ "name": name, "role": "viewer" })).await.expect(201);
        let holder = stack.api.with_key(Some(created["secret"].as_str().unwrap()));
        holder.get("/workspaces").await.expect(200);
        let path = stack.in_workspace(&format!("api-keys/{}", id(&created)));
        let revoked = delete(&stack.api, &path).await.expect(200);
        assert!(revoked["revoked"].is_i64() && revoked.get("secret").is_none(), "{revoked:#}");
        holder.get("/workspaces").await.refused(401, "unauthorized");
        assert_eq!(delete(&stack.api, &path).await.expect(200), revoked, "once is enough");
    }
    let listed = stack.api.get(&stack.in_workspace("api-keys?limit=200")).await.expect(200);
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len(), 100);
    assert!(listed.iter().all(|key| key["last_used"].is_i64() && key.get("secret_hash").is_none()), "{:#}", listed[0]);
    let other = id(&stack.api.post("/workspaces", &json!({ "name": "Other" })).await.expect(201));
    let theirs = stack.api.post(&format!("/workspaces/{other}/api-keys"), &json!({ "name": "x", "role": "admin" })).await.expect(201);
    delete(&stack.api, &stack.in_workspace(&format!("api-keys/{}", id(&theirs)))).await.refused(404, "key_not_found");
    stack.api.with_key(theirs["secret"].as_str()).get("/workspaces").await.expect(200);
}

#[tokio::test]
async fn members_are_put_listed_and_removed() {
    let stack = Stack::start().await;
    let path = |subject: &str| stack.in_workspace(&format!("members/{subject}"));
    let put = send(&stack.api, Method::PUT, &path("auth0%7C1%2F2"), &json!({ "role": "editor", "name": "Ada" })).await.expect(200);
    assert_eq!((&put["subject"], &put["role"], &put["name"]), (&json!("auth0|1/2"), &json!("editor"), &json!("Ada")));
    send(&stack.api, Method::PUT, &path("b"), &json!({ "role": "viewer" })).await.expect(200);
    let changed = send(&stack.api, Method::PUT, &path("b"), &json!({ "role": "admin" })).await.expect(200);
    send(&stack.api, Method::PUT, &path("c"), &json!({ "role": "system_admin" })).await.refused(422, "validation_failed");
    send(&stack.api, Method::PUT, &path(&"x".repeat(256)), &json!({ "role": "viewer" })).await.refused(422, "validation_failed");

    let first = stack.api.get(&stack.in_workspace("members?limit=1")).await.expect(200);
    assert_eq!((&first["data"], &first["has_more"]), (&json!([put]), &json!(true)));
    let next = format!("members?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = stack.api.get(&stack.in_workspace(&next)).await.expect(200);
    assert_eq!(second["data"], json!([changed]));
    assert_eq!(delete(&stack.api, &path("b")).await.status, 204);
    delete(&stack.api, &path("b")).await.refused(404, "member_not_found");
    assert_eq!(stack.api.get(&stack.in_workspace("members")).await.expect(200)["data"], json!([put]));
}

#[tokio::test]
async fn safe_mode_records_what_it_skips() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let off = stack.api.get("/system/safe-mode").await.expect(200);
    assert_eq!((&off["enabled"], &off["locked"]), (&json!(false), &json!(false)));
    let on = json!({ "enabled": true, "detail": "Moving house until noon" });
    let on = send(&stack.api, Method::PUT, "/system/safe-mode", &on).await.expect(200);
    assert_eq!(stack.api.with_key(Some(&stack.key_of("viewer").await)).get("/system/safe-mode").await.expect(200), on);
    let health = stack.api.get("/health").await.expect(200);
    let component =
        |health: &Value, name: &str| health["components"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap().clone();
    assert_eq!(component(&health, "safe-mode")["detail"], "Moving house until noon");
    assert_eq!((&component(&health, "safe-mode")["status"], &health["status"]), (&json!("degraded"), &json!("degraded")));

    let executors = || (stack.processes("executor").len(), stack.processes("builder").len());
    assert_eq!(executors(), (0, 0));
    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    assert_eq!(events.len(), 2);
    let completed = &events[1];
    assert_eq!((&completed["status"], &completed["summary"]), (&json!("canceled"), &json!("Safe mode skip")));
    assert_eq!((&completed["failure"]["code"], &completed["error_message"]), (&json!("safe_mode"), &json!("Moving house until noon")));
    assert_eq!(stack.api.get(&format!("/runs/{run}")).await.expect(200)["status"], "canceled");
    let build = stack.api.post(&stack.in_workspace(&format!("configs/{config}/builds")), &json!({})).await.expect(201);
    assert_eq!((&build["status"], &build["failure"]["code"]), (&json!("canceled"), &json!("safe_mode")));
    assert_eq!((&build["summary"], &build["error_message"]), (&json!("Safe mode skip"), &json!("Moving house until noon")));
    assert_eq!(executors(), (0, 0), "no process was started");

    send(&stack.api, Method::PUT, "/system/safe-mode", &json!({ "enabled": false })).await.expect(200);
    let again = stack.api.post(&format!("/runs/{run}/retry"), &json!({})).await.expect(201);
    assert_eq!(stack.finished(&id(&again)).await["status"], "succeeded");
}

#[tokio::test]
async fn safe_mode_that_is_forced_can_not_be_changed() {
    let stack = Stack::start_with(&[("ADE_SAFE_MODE", "true"), ("ADE_SAFE_MODE_DETAIL", "Frozen")]).await;
    let state = stack.api.get("/system/safe-mode").await.expect(200);
    assert_eq!((&state["enabled"], &state["locked"], &state["detail"]), (&json!(true), &json!(true), &json!("Frozen")));
    send(&stack.api, Method::PUT, "/system/safe-mode", &json!({ "enabled": false })).await.refused(409, "safe_mode_locked");
    let config = stack.config().await;
    let body = json!({ "options": { "validate_only": true } });
    let run = stack.api.post(&format!("/configs/{config}/runs"), &body).await.expect(201);
    assert_eq!((&run["status"], &run["error_message"]), (&json!("canceled"), &json!("Frozen")));
}

#[tokio::test]
async fn the_system_tells_about_itself() {
    let stack = Stack::start().await;
    let meta = stack.api.get("/meta").await.expect(200);
    assert_eq!((&meta["api_version"], &meta["version"]), (&json!("1"), &json!(env!("CARGO_PKG_VERSION"))));
    let health = stack.api.with_key(None).get("/health").await.expect(200);
    let names: Vec<_> = health["components"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["api", "store", "objects", "executor", "safe-mode"]);
    let works = |name: &str| health["components"].as_array().unwrap().iter().any(|c| c["name"] == name && c["status"] == "available");
    assert!(["api", "store", "objects", "safe-mode"].into_iter().all(works), "{health:#}");

    let docs = stack.api.with_key(None).get("/docs").await;
    let page = std::str::from_utf8(&docs.body).unwrap();
    assert_eq!((docs.status, docs.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("//cdn"), "it asks no other host");
    assert!(docs.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let spec = stack.api.with_key(None).get("/openapi.json").await;
    assert_eq!(spec.body, include_str!("../../../../docs/openapi.json"));
}

#[tokio::test]
async fn nothing_that_is_worked_on_is_deleted() {
    let stack = Stack::start_with_test_engine().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let mut stream = stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 100_000, "interval_ms": 20 })).await;
    let run = run_of(&stream);
    stream.until(|event| event["type"] == "run.started").await;
    let (workspace, config) = (format!("/workspaces/{}", stack.workspace), stack.in_workspace(&format!("configs/{config}")));
    eventually("the index has the run", async || (delete(&stack.api, &config).await.status == 409).then_some(())).await;
    delete(&stack.api, &config).await.refused(409, "in_use");
    delete(&stack.api, &format!("{config}?purge=true")).await.refused(409, "in_use");
    delete(&stack.api, &workspace).await.refused(409, "in_use");
    assert_eq!(stack.api.get(&format!("/runs/{run}")).await.expect(200)["status"], "running", "and nothing was done to it");
    stack.api.post(&format!("/runs/{run}/cancel"), &json!({})).await.expect(200);
    stack.finished(&run).await;
    eventually("nothing is in the way", async || (delete(&stack.api, &config).await.status == 204).then_some(())).await;
    eventually("nor here", async || (delete(&stack.api, &workspace).await.status == 204).then_some(())).await;
}

/// The rest of the suite is what shows that nothing needs to: every stack refuses it.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "that they are refused is what is tested")]
async fn no_function_can_read_a_whole_table() {
    let stack = Stack::start().await;
    let environment: std::collections::HashMap<_, _> = stack.aws_environment().await.into_iter().collect();
    let credentials = aws_sdk_dynamodb::config::Credentials::new(
        &environment["AWS_ACCESS_KEY_ID"],
        &environment["AWS_SECRET_ACCESS_KEY"],
        None,
        None,
        "test",
    );
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(&environment["AWS_ENDPOINT_URL_DYNAMODB"])
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let tables = client.list_tables().send().await.unwrap().table_names.unwrap();
    assert!(tables.iter().any(|table| table.ends_with("runs")), "the credentials work: {tables:?}");
    for table in tables {
        let refused = client.scan().table_name(&table).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("AccessDeniedException"), "{table}: {refused:?}");
    }
}
