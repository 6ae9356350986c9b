//! Configs as a whole: their names, lists, versions, and what is left when they are deleted.

use http::Method;
use serde_json::{Value, json};

use super::client::Answer;
use super::fixtures::{GATE, GATE_PATH, PEOPLE, change_draft, gate, open_gate};
use super::server::{Stack, eventually, id, run_of};

async fn delete(stack: &Stack, config: &str, query: &str) -> Answer {
    let path = stack.in_workspace(&format!("configs/{config}{query}"));
    stack.api.send(stack.api.request(Method::DELETE, &path)).await
}

async fn patch(stack: &Stack, config: &str, change: &Value) -> Answer {
    let path = stack.in_workspace(&format!("configs/{config}"));
    stack.api.send(stack.api.request(Method::PATCH, &path).json(change)).await
}

/// Builds the draft; the version that was built.
async fn built(stack: &Stack, config: &str) -> String {
    let body = json!({ "options": { "wait": true } });
    let build = stack.api.post(&stack.in_workspace(&format!("configs/{config}/builds")), &body).await;
    assert!([200, 201].contains(&build.status), "{build:?}");
    let build = id(&build.json());
    eventually("the build ends", async || {
        let record = stack.api.get(&format!("/builds/{build}")).await.expect(200);
        assert!(!["failed", "canceled"].contains(&record["status"].as_str().unwrap()), "{record:#}");
        (record["status"] == "active").then(|| record["config_version_id"].as_str().unwrap().to_owned())
    })
    .await
}

#[tokio::test]
async fn configs_are_named_and_found_by_name() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    for name in ["Größen", "Orders 2026"] {
        let body = json!({ "name": name, "source": { "type": "template" } });
        stack.api.post(&stack.in_workspace("configs"), &body).await.expect(201);
    }
    let renamed = patch(&stack, &config, &json!({ "name": "Customer orders" })).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["status"], &renamed["last_run"]), (&json!("Customer orders"), &json!("draft"), &json!(null)));
    assert!(renamed["updated"].as_i64() >= renamed["created"].as_i64());
    assert_eq!(patch(&stack, &config, &json!({})).await.expect(200)["name"], "Customer orders", "what is left out stays");
    patch(&stack, &config, &json!({ "name": " " })).await.refused(422, "validation_failed");
    patch(&stack, &config, &json!({ "title": "x" })).await.refused(422, "validation_failed");
    let names = async |query: &str| {
        let listed = stack.api.get(&stack.in_workspace(&format!("configs?{query}"))).await.expect(200);
        listed["data"].as_array().unwrap().iter().map(|config| config["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    eventually("the list follows", async || (names("q=ORDERS").await == ["Orders 2026", "Customer orders"]).then_some(())).await;
    assert_eq!(names("q=gr%C3%B6%C3%9Fe").await, ["Größen"]);
    assert_eq!(names("q=orders&limit=1").await, ["Orders 2026"]);
    assert_eq!(names("q=nothing").await, [""; 0]);
    assert_eq!(names("status=active").await, [""; 0]);
    assert_eq!(names("status=draft").await.len(), 3);
    stack.api.get(&stack.in_workspace("configs?status=odd")).await.refused(422, "validation_failed");
}

#[tokio::test]
async fn versions_are_what_was_built() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let at = |path: &str| stack.in_workspace(&format!("configs/{config}/{path}"));
    assert_eq!(stack.api.get(&at("versions")).await.expect(200)["data"], json!([]));
    stack.api.get(&at("versions/active/diff/draft")).await.refused(404, "config_version_not_found");

    let first = built(&stack, &config).await;
    assert_eq!(stack.api.get(&at("files")).await.expect(200)["version_id"], first);
    change_draft(&stack, &config, &[("notes/new.txt", Some("one\ntwo\n")), ("settings.toml", None), ("data.bin", Some("\0"))]).await;
    assert_eq!(stack.api.get(&at("files")).await.expect(200)["version_id"], json!(null));
    let diff = stack.api.get(&at("versions/active/diff/draft")).await.expect(200);
    let changes: Vec<_> =
        diff["files"].as_array().unwrap().iter().map(|file| (file["path"].as_str().unwrap(), file["status"].as_str().unwrap())).collect();
    assert_eq!(changes, [("data.bin", "added"), ("notes/new.txt", "added"), ("settings.toml", "removed")]);
    let by_path = |path: &str| diff["files"].as_array().unwrap().iter().find(|file| file["path"] == path).unwrap().clone();
    assert!(by_path("notes/new.txt")["patch"].as_str().unwrap().ends_with("@@ -0,0 +1,2 @@\n+one\n+two\n"), "{diff:#}");
    assert_eq!((&by_path("data.bin")["patch"], &by_path("data.bin")["to_byte_size"]), (&json!(null), &json!(1)));

    let second = built(&stack, &config).await;
    assert_ne!(first, second);
    let listed = eventually("both are listed", async || {
        let listed = stack.api.get(&at("versions?limit=1")).await.expect(200);
        (listed["has_more"] == true).then_some(listed)
    })
    .await;
    assert_eq!(id(&listed["data"][0]), second, "newest first");
    let rest = stack.api.get(&at(&format!("versions?cursor={}", listed["next_cursor"].as_str().unwrap()))).await.expect(200);
    assert_eq!((rest["data"].as_array().unwrap().len(), id(&rest["data"][0])), (1, first.clone()));
    let version = stack.api.get(&at(&format!("versions/{second}"))).await.expect(200);
    let file = version["files"].as_array().unwrap().iter().find(|file| file["path"] == "notes/new.txt").unwrap();
    assert_eq!(
        (&file["byte_size"], version["files"].as_array().unwrap().len()),
        (&json!(8), version["file_count"].as_u64().unwrap() as usize)
    );
    let diff = stack.api.get(&at(&format!("versions/{second}/diff/{first}"))).await.expect(200);
    assert_eq!(diff["files"][2]["status"], "added", "the other way round: {diff:#}");
    assert_eq!(stack.api.get(&at(&format!("versions/{second}/diff/draft"))).await.expect(200)["files"], json!([]));

    let missing = "cfv_01JZX3Q4T5V6W7X8Y9ZABCDEFG";
    for path in [
        format!("versions/{missing}"),
        "versions/nonsense".into(),
        format!("versions/{missing}/diff/draft"),
        "versions/draft/diff/x".into(),
    ] {
        stack.api.get(&at(&path)).await.refused(404, "config_version_not_found");
    }
    let other = stack.config().await;
    stack.api.get(&stack.in_workspace(&format!("configs/{other}/versions/{first}"))).await.refused(404, "config_version_not_found");
}

#[tokio::test]
async fn a_config_is_deleted_with_everything_that_is_made_from_it() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    stream.rest().await;
    let shown = eventually("the run is seen", async || {
        let shown = stack.api.get(&stack.in_workspace(&format!("configs/{config}"))).await.expect(200);
        (shown["last_run"]["status"] == "succeeded").then_some(shown)
    })
    .await;
    assert_eq!((&shown["last_run"]["id"], &shown["status"]), (&json!(run), &json!("active")));
    let build = shown["active_build_id"].as_str().unwrap();
    let other = stack.config().await;
    let bucket = stack.bucket();
    let others_files = bucket.list(&format!("configs/{other}/")).await;

    assert_eq!(delete(&stack, &config, "").await.status, 204);
    for prefix in [format!("configs/{config}/"), format!("builds/{build}/")] {
        assert_eq!(bucket.list(&prefix).await, [], "{prefix}");
    }
    assert!(!bucket.list(&format!("runs/{run}/")).await.is_empty(), "runs stay");
    assert_eq!(stack.api.get(&format!("/runs/{run}")).await.expect(200)["status"], "succeeded");
    stack.api.get(&format!("/builds/{build}")).await.refused(404, "build_not_found");
    stack.api.get(&stack.in_workspace(&format!("configs/{config}"))).await.refused(404, "config_not_found");
    stack.api.post(&format!("/configs/{config}/runs"), &json!({ "input_documents": [document] })).await.refused(404, "config_not_found");
    delete(&stack, &config, "").await.refused(404, "config_not_found");
    eventually("the list follows", async || {
        let listed = stack.api.get(&stack.in_workspace("configs")).await.expect(200);
        (listed["data"].as_array().unwrap().len() == 1 && id(&listed["data"][0]) == other).then_some(())
    })
    .await;
    assert_eq!(bucket.list(&format!("configs/{other}/")).await, others_files, "others are left alone");

    let purged = run_of(&stack.run(&other, &document).await);
    stack.finished(&purged).await;
    let build = stack.api.get(&format!("/runs/{purged}")).await.expect(200)["build_id"].as_str().unwrap().to_owned();
    eventually("the run's config is not in use any more", async || {
        (delete(&stack, &other, "?purge=true").await.status == 204).then_some(())
    })
    .await;
    for prefix in ["configs/".to_owned(), format!("builds/{build}/"), format!("runs/{purged}/")] {
        assert_eq!(bucket.list(&prefix).await, [], "{prefix}");
    }
    stack.api.get(&format!("/runs/{purged}")).await.refused(404, "run_not_found");
    assert!(!bucket.list(&format!("documents/{document}/")).await.is_empty(), "documents stay");
    eventually("its runs are not listed", async || {
        let listed = stack.api.get(&stack.in_workspace(&format!("runs?input_document_id={document}"))).await.expect(200);
        (listed["data"].as_array().unwrap().iter().all(|other| other["id"] == run.as_str())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_config_in_use_is_not_deleted() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    change_draft(&stack, &config, &[(GATE_PATH, Some(GATE))]).await;
    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    let gate = eventually("the build waits", async || gate(&stack, &config)).await;
    delete(&stack, &config, "").await.refused(409, "in_use");
    open_gate(&gate);
    stream.rest().await;
    assert_eq!(stack.api.get(&stack.in_workspace(&format!("configs/{config}"))).await.expect(200)["status"], "active");
    assert_eq!(stack.finished(&run).await["status"], "succeeded");
    eventually("nothing is in the way", async || (delete(&stack, &config, "").await.status == 204).then_some(())).await;
}

#[tokio::test]
async fn a_draft_is_checked_as_it_is() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let validate = async || stack.api.post(&stack.in_workspace(&format!("configs/{config}/validate")), &json!({})).await.expect(200);
    let found = |validation: &Value| -> Vec<(String, String, Option<u64>)> {
        let of = |issue: &Value, name: &str| issue[name].as_str().unwrap_or_default().to_owned();
        let issues = validation["issues"].as_array().unwrap();
        issues.iter().map(|issue| (of(issue, "path"), of(issue, "code"), issue["line"].as_u64())).collect()
    };
    let fine = validate().await;
    assert_eq!((&fine["valid"], &fine["issues"]), (&json!(true), &json!([])));
    let files = stack.api.get(&stack.in_workspace(&format!("configs/{config}/files"))).await.expect(200);
    assert_eq!(fine["fileset_hash"], files["fileset_hash"]);

    let at = |name: &str| format!("src/ade_config/columns/{name}.py");
    let (a, b) = (at("a"), at("b"));
    change_draft(&stack, &config, &[(&a, Some("x = (\n")), (&b, Some("def register(registry)\n    pass\n"))]).await;
    let broken = validate().await;
    assert_eq!(broken["valid"], false);
    assert_eq!(found(&broken), [(a.clone(), "syntax_error".into(), Some(1)), (b.clone(), "syntax_error".into(), Some(1))]);

    let register = "def register(registry):\n    ";
    change_draft(&stack, &config, &[(&a, Some(&format!("{register}import nowhere\n"))), (&b, Some("helper = 1\n"))]).await;
    assert_eq!(found(&validate().await), [(a.clone(), "import_error".into(), Some(2)), (b.clone(), "missing_register".into(), None)]);

    // Nothing of it is executed here, and whatever it does ends with its process.
    change_draft(&stack, &config, &[(&a, Some("import os\nos._exit(7)\n\ndef register(registry):\n    pass\n")), (&b, None)]).await;
    let crashed = validate().await;
    assert_eq!(found(&crashed), [(String::new(), "crashed".into(), None)]);
    assert!(crashed["issues"][0]["message"].as_str().unwrap().contains("exit code 7"), "{crashed:#}");

    change_draft(&stack, &config, &[(&a, None), ("pyproject.toml", Some("[project\n"))]).await;
    assert_eq!(found(&validate().await), [("pyproject.toml".into(), "requirements".into(), None)]);
    let drafts = stack.bucket().list(&format!("configs/{config}/draft/")).await;
    for object in drafts {
        stack.bucket().delete(&object.key).await;
    }
    let empty = validate().await;
    assert_eq!((found(&empty), &empty["fileset_hash"]), (vec![(String::new(), "files".into(), None)], &json!(null)));

    assert_eq!(stack.bucket().list("builds/").await, [], "nothing was built");
    let left = std::fs::read_dir(stack.data_dir().join("runs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let left: Vec<_> = left.filter(|path| path.is_dir()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn nothing_is_checked_in_safe_mode() {
    let stack = Stack::start_with(&[("ADE_SAFE_MODE", "true")]).await;
    let config = stack.config().await;
    let path = stack.in_workspace(&format!("configs/{config}/validate"));
    stack.api.post(&path, &json!({})).await.refused(409, "safe_mode");
    assert!(stack.processes("builder").is_empty());
}
