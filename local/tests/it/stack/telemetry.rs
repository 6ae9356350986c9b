//! What functions say about themselves: every line is for machines, none holds what belongs to users.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::fixtures::change_draft;
use super::server::{Stack, id, run_of};

/// Stands for what users would not want to see in a log: in a key, a cell, a file's name, a config.
const CANARY: &str = "QWERTZ7CANARY";

#[tokio::test]
async fn logs_hold_nothing_of_users() {
    let stack = Stack::start_with(&[("ADE_LOG", "ade_core=trace,ade_functions=trace,ade_executor=trace,info")]).await;
    let name = format!("{CANARY}.csv");
    let content = format!("First Name,Last Name,Email,Secret {CANARY}\nAda,Okafor,ada@example.com,{CANARY}\n");
    let (config, document) = (stack.config().await, stack.document(&name, content.as_bytes()).await);
    let notes = format!("# {CANARY}\n");
    // It leaves something among the outputs that is not a file.
    let links = format!(
        "import os, sys\ndef register(registry):\n    if '--output-dir' in sys.argv:\n        \
         os.symlink('/', os.path.join(sys.argv[sys.argv.index('--output-dir') + 1], '{CANARY}'))\n"
    );
    let files = [(format!("src/ade_config/{CANARY}.py"), notes), ("src/ade_config/columns/links.py".to_owned(), links)];
    change_draft(&stack, &config, &files.each_ref().map(|(path, text)| (path.as_str(), Some(text.as_str())))).await;

    let events = stack.run(&config, &document).await;
    let run = run_of(&events);
    assert_eq!(events.rest().await.pop().unwrap()["status"], "succeeded");
    let outputs = stack.api.get(&format!("/runs/{run}/outputs")).await.expect(200);
    let output = outputs["data"][0]["name"].as_str().unwrap();
    assert!(output.contains(CANARY), "the name of a file is in a path: {output}");
    let link = stack.api.request(Method::GET, &format!("/runs/{run}/outputs/{output}")).header("accept", "application/json");
    stack.api.send(link).await.expect(200);

    // What goes wrong is told to those who did it, and not to the log.
    let fails = format!("def register(registry):\n    raise ValueError('{CANARY}')\n");
    change_draft(&stack, &config, &[("src/ade_config/columns/fails.py", Some(&fails))]).await;
    let body = json!({ "input_documents": [document], "options": { "version": "draft" } });
    let failing = id(&stack.api.post(&format!("/configs/{config}/runs"), &body).await.expect(201));
    assert_eq!(stack.finished(&failing).await["status"], "failed");
    let validated = stack.api.post(&stack.in_workspace(&format!("configs/{config}/validate")), &json!({})).await;
    assert!(validated.status < 500, "{validated:?}");
    let broken = stack.complete(&format!("{CANARY}.xlsx"), format!("not a workbook: {CANARY}").as_bytes()).await;
    assert!((400..500).contains(&broken.status), "{broken:?}");
    stack.api.with_key(Some(&format!("ade_key_01ARZ3NDEKTSV4RRFFQ69G5FAV_{CANARY}"))).get("/workspaces").await.refused(401, "unauthorized");
    let named = json!({ "name": CANARY, "role": "viewer" });
    let secret = stack.api.post(&stack.in_workspace("api-keys"), &named).await.expect(201)["secret"].as_str().unwrap().to_owned();
    stack.api.with_key(Some(&secret)).get("/workspaces").await.expect(200);
    stack.api.get(&format!("/runs/{CANARY}")).await;

    let (admin, logs) = (stack.key().to_owned(), stack.function_logs());
    assert!(logs.len() > 5, "functions write logs");
    for (path, log) in &logs {
        for secret in [CANARY, &secret, &admin] {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{}: {}", path.display(), line.unwrap_or_default());
        }
    }
}

#[tokio::test]
async fn lines_are_json_that_names_what_they_are_about_and_runs_are_measured() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", super::fixtures::PEOPLE).await);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = stack.api.request(Method::POST, &format!("/configs/{config}/runs"));
    let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let run = id(&stack.api.send(request.json(&json!({ "input_documents": [document] }))).await.expect(201));
    stack.finished(&run).await;
    let created = stack.events(&run, 0, false).await.rest().await.remove(0);
    assert_eq!(created["trace_id"], trace, "{created:#}");

    let logs = stack.function_logs();
    let lines: Vec<(String, Value)> = logs
        .iter()
        .flat_map(|(path, log)| log.lines().map(|line| (path.file_stem().unwrap().to_string_lossy().into_owned(), line)))
        .map(|(function, line)| (function, serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))))
        .collect();
    let of = |function: &'static str| lines.iter().filter(move |(name, _)| name.contains(function)).map(|(_, line)| line);
    let answered = of("create-run").find(|line| line["message"] == "answered").unwrap();
    assert_eq!((&answered["span"]["trace_id"], &answered["status"]), (&json!(trace), &json!(201)), "{answered:#}");
    assert!(answered["span"]["request_id"].is_string(), "{answered:#}");

    let finished = of("executor").find(|line| line["message"] == "finished").unwrap();
    let span = finished["span"].as_object().unwrap();
    assert_eq!((&span["run_id"], &span["trace_id"], &span["workspace_id"]), (&json!(run), &json!(trace), &json!(stack.workspace)));

    let measured = of("executor").find(|line| line["_aws"].is_object()).unwrap();
    assert_eq!((&measured["run_id"], &measured["Status"], &measured["Runs"]), (&json!(run), &json!("succeeded"), &json!(1)));
    assert!(measured["Rows"].as_u64() > Some(0) && measured["BytesIn"].as_u64() > Some(0) && measured["BytesOut"].as_u64() > Some(0));
    let metrics = measured["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    let names: BTreeSet<_> = metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["BytesIn", "BytesOut", "ColdStarts", "Duration", "QueueWait", "Rows", "Runs"]));
}
