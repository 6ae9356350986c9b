//! The measurements.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::Stack;
use crate::stats::{Table, ms, percentile, summary};

/// A config that is built, and a small document.
pub(crate) struct Product {
    config: String,
    document: String,
    /// A finished run.
    run: String,
}

const SMALL: &str = "First Name,Last Name,Email\nAda,Lovelace,ada@example.com\nAlan,Turing,alan@example.com\n";

/// Creates config and document, and runs once so that everything is built and warm.
pub(crate) async fn prepare(stack: &Stack) -> Product {
    let config = stack
        .post(&format!("/workspaces/{}/configs", stack.workspace), &json!({ "name": "Bench", "source": { "type": "template" } }))
        .await;
    let config = config["id"].as_str().unwrap().to_owned();
    let document = stack.upload("people.csv", SMALL.as_bytes().to_vec()).await;
    let events = stack.stream_run(&config, &document, json!({})).await;
    let last = &events.last().unwrap().1;
    assert_eq!(last["status"], "succeeded", "{last}");
    Product { run: last["run_id"].as_str().unwrap().to_owned(), config, document }
}

pub(crate) async fn builds(stack: &Stack, product: &Product, table: &mut Table) {
    let path = format!("/workspaces/{}/configs/{}/builds", stack.workspace, product.config);
    let (mut forced, mut reused) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let start = Instant::now();
        let response =
            stack.request(Method::POST, &path).json(&json!({ "stream": true, "options": { "force": true } })).send().await.unwrap();
        let events = crate::stack::events(response).await;
        forced.push(start.elapsed());
        assert_eq!(events.last().unwrap().1["status"], "active");
    }
    for _ in 0..30 {
        let start = Instant::now();
        let build = stack.post(&path, &json!({})).await;
        reused.push(start.elapsed());
        assert_eq!(build["reused"], true);
    }
    table.row("build of the default config, warm caches", summary(&forced), "≤ 1 s");
    table.row("build request answered by reuse", summary(&reused), "≤ 50 ms");
}

/// From the request to the first event, and how long the whole small run takes.
pub(crate) async fn first_event(stack: &Stack, product: &Product, table: &mut Table) {
    let mut samples = Vec::new();
    for _ in 0..30 {
        let start = Instant::now();
        let events = stack.stream_run(&product.config, &product.document, json!({})).await;
        samples.push(events[0].0 - start);
    }
    table.row("create-run stream, warm, first event", summary(&samples), "p50 ≤ 25 ms, p99 ≤ 100 ms");
}

pub(crate) async fn get_run(stack: &Stack, product: &Product, table: &mut Table) {
    let path = format!("/runs/{}", product.run);
    let mut samples = Vec::new();
    for n in 0..2100 {
        let start = Instant::now();
        stack.get(&path).await;
        if n >= 100 {
            samples.push(start.elapsed());
        }
    }
    table.row("get-run, warm", summary(&samples), "p50 ≤ 3 ms, p99 ≤ 15 ms");
}

/// A run beside the engine process it contains, in turn, on the same document.
pub(crate) async fn overhead(stack: &Stack, product: &Product, table: &mut Table) {
    let record = stack.get(&format!("/runs/{}", product.run)).await;
    let venv = ["workspace_id", "config_id", "build_id"]
        .iter()
        .fold(stack.data_dir.join("venvs"), |path, id| path.join(record[*id].as_str().unwrap()));
    let venv = venv.join(".venv");
    let scratch = tempfile::tempdir().unwrap();
    let input = scratch.path().join("people.csv");
    std::fs::write(&input, SMALL).unwrap();
    let (mut runs, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..21 {
        let start = Instant::now();
        let mut engine = tokio::process::Command::new(venv.join("bin/python"));
        engine.args(["-I", "-B", "-m", "ade_engine", "process", "file", "--log-format", "ndjson", "--input"]).arg(&input);
        engine.arg("--output-dir").arg(scratch.path().join("out")).arg("--logs-dir").arg(scratch.path().join("logs"));
        let output = engine.arg("--config-package").arg(venv.join("config")).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        bare.push(start.elapsed());

        let start = Instant::now();
        stack.stream_run(&product.config, &product.document, json!({})).await;
        runs.push(start.elapsed());
    }
    let (run, engine) = (percentile(&runs, 0.5), percentile(&bare, 0.5));
    table.row("small run, request to completed, warm", summary(&runs), "faster than 450 ms, the bare process of engine 1.9.8");
    table.row("bare engine process on the same document", summary(&bare), "–");
    let difference = run.as_secs_f64() - engine.as_secs_f64();
    table.row("platform overhead of a run (difference of the medians)", format!("{:.1} ms", difference * 1e3), "≤ 60 ms");
}

/// How long a printed line takes to whoever started the run, and to a follower on another connection.
pub(crate) async fn latency(stack: &Stack, product: &Product, table: &mut Table) {
    let lone = json!({ "lines": 40, "pause": 0.4 });
    let burst = json!({ "lines": 400, "pause": 0.02 });
    for (what, metadata, target) in [("a line after silence", lone, "p50 ≤ 10 ms"), ("a line in a burst", burst, "≤ 300 ms")] {
        let body = json!({ "stream": true, "input_documents": [product.document], "options": { "metadata": metadata } });
        let response = stack.request(Method::POST, &format!("/configs/{}/runs", product.config)).json(&body).send().await.unwrap();
        let run = response.headers()["x-run-id"].to_str().unwrap().to_owned();
        let (relayed, followed) = tokio::join!(crate::stack::events(response), stack.follow(&run));
        table.row(&format!("{what}, printed to relayed"), summary(&delays(&relayed)), target);
        table.row(&format!("{what}, printed to seen by a follower"), summary(&delays(&followed)), "p50 ≤ 300 ms");
    }
}

fn delays(events: &[(Instant, Value)]) -> Vec<Duration> {
    let (now, clock) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
    let lines = events.iter().filter(|(_, event)| event["type"] == "run.log" && event["stream"] == "stdout");
    let printed_and_seen = lines.map(|(seen, event)| {
        let printed = Duration::from_nanos(event["message"].as_str().unwrap().parse().unwrap());
        clock.saturating_sub(now.duration_since(*seen)).saturating_sub(printed)
    });
    printed_and_seen.collect()
}

/// From the request to cancel a run to its end, with everything stopped; its engine ignores that it is told to end.
pub(crate) async fn cancel(stack: &Stack, product: &Product, table: &mut Table) {
    let mut samples = Vec::new();
    for _ in 0..7 {
        let body = json!({ "input_documents": [product.document], "options": { "metadata": { "stubborn": true } } });
        let run = stack.post(&format!("/configs/{}/runs", product.config), &body).await;
        let run = run["id"].as_str().unwrap();
        while !stack.get(&format!("/runs/{run}/logs")).await.to_string().contains("working") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let start = Instant::now();
        stack.post(&format!("/runs/{run}/cancel"), &json!({})).await;
        let events = stack.follow(run).await;
        samples.push(events.last().unwrap().0 - start);
        assert_eq!(events.last().unwrap().1["status"], "canceled");
    }
    table.row("run canceled, its engine ignoring SIGTERM: request to completed", summary(&samples), "≤ 6 s");
}

/// A native program that prints as fast as the pipe takes it.
pub(crate) async fn throughput(stack: &Stack, product: &Product, table: &mut Table) {
    let lines = 900_000;
    let program = std::env::current_exe().unwrap();
    let metadata = json!({ "exec": [program, "emit", lines.to_string()] });
    let body = json!({ "stream": false, "input_documents": [product.document], "options": { "metadata": metadata } });
    let start = Instant::now();
    let run = stack.post(&format!("/configs/{}/runs", product.config), &body).await;
    let events = stack.follow(run["id"].as_str().unwrap()).await;
    let seen = start.elapsed();
    let record = stack.get(&format!("/runs/{}", run["id"].as_str().unwrap())).await;
    let kept = events.iter().filter(|(_, event)| event["type"] == "run.log").count();
    assert_eq!((record["status"].as_str(), kept), (Some("succeeded"), lines), "every line is kept");
    let elapsed = events.last().unwrap().1["elapsed_ms"].as_f64().unwrap() / 1e3;
    table.row(
        "lines persisted, created to completed",
        format!("{:.0} lines/s ({lines} lines in {elapsed:.1} s)", f64::from(lines as u32) / elapsed),
        "≥ 300,000 lines/s",
    );
    table.row("the same lines read by a follower", format!("all after {}", ms(seen)), "–");
    table.row("executor, peak resident memory", format!("{:.0} MiB", executor_peak_kib(stack.pid()) / 1024.0), "≤ 64 MiB");
}

/// The greatest peak of resident memory (`VmHWM`) of the executors that `ade up` keeps warm, in KiB.
fn executor_peak_kib(host: u32) -> f64 {
    let field = |status: &str, name: &str| -> Option<String> {
        status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let statuses = processes.filter_map(|process| std::fs::read_to_string(process.path().join("status")).ok());
    let executors =
        statuses.filter(|status| field(status, "Name:").as_deref() == Some("executor") && field(status, "PPid:") == Some(host.to_string()));
    let peaks = executors.filter_map(|status| field(&status, "VmHWM:")?.trim_end_matches(" kB").parse::<f64>().ok());
    peaks.fold(0.0, f64::max)
}
