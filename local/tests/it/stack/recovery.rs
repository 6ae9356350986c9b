//! Executors, builders and the server itself are killed while they work. Everything that was begun comes to its end, once.
//!
//! A killed owner is noticed when its lease has expired, so these tests take their time. `make soak` runs them with many more runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures::StreamExt as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::client::{BASE, assert_whole_log, ids};
use super::fixtures::PEOPLE;
use super::server::{Stack, eventually, id, status_of};

/// How many runs are begun: some, or as many as `ADE_TEST_RUNS` says.
fn count() -> usize {
    std::env::var("ADE_TEST_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
}

/// How long everything may take to come to its end once nobody kills any more.
const PATIENCE: Duration = Duration::from_mins(10);
const TEST_ENGINE: (&str, &str) = ("ADE_ENGINE_SPEC", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engine"));

/// Kills a random process of a function, if there is one.
fn kill_one(stack: &Stack, function: &str) -> bool {
    let processes = stack.processes(function);
    if processes.is_empty() {
        return false;
    }
    let victim = processes[rand::rng().random_range(0..processes.len())];
    kill(Pid::from_raw(victim), Signal::SIGKILL).is_ok()
}

/// Where the server is at the moment, and who asks.
#[derive(Clone)]
struct Address {
    url: String,
    key: String,
}

impl Address {
    fn of(stack: &Stack) -> Self {
        Self { url: stack.url().to_owned(), key: stack.key().to_owned() }
    }
}

/// Follows a run (`runs/<id>`) or build to its end, however often the connection breaks or the server moves; every event that arrives, in
/// order.
async fn follow(what: String, address: watch::Receiver<Address>) -> Vec<Value> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut events: Vec<Value> = Vec::new();
    loop {
        let Address { url, key } = address.borrow().clone();
        let last = events.last().map_or(0, |event| event["id"].as_u64().unwrap());
        let path = format!("{url}{BASE}/{what}/events?after_id={last}&follow=true");
        if let Ok(response) = client.get(path).bearer_auth(key).send().await
            && response.status() == 200
        {
            let (mut unread, mut pieces) = (BytesMut::new(), response.bytes_stream());
            while let Some(Ok(piece)) = pieces.next().await {
                unread.extend_from_slice(&piece);
                while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                    let event: Value = serde_json::from_slice(&unread.split_to(end + 1)).unwrap();
                    if event["type"] != "heartbeat" {
                        events.push(event);
                    }
                }
                if events.last().is_some_and(|event| event["type"].as_str().unwrap().ends_with(".completed")) {
                    return events;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The engines that work below a stack's data directory.
fn engines(stack: &Stack) -> Vec<String> {
    let below = stack.data_dir().display().to_string();
    let commands = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let command = std::fs::read(entry.unwrap().path().join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        (command.contains("-m ade_engine") && command.contains(&below)).then_some(command)
    });
    commands.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_executors_and_a_killed_server_lose_no_run() {
    let settings = [TEST_ENGINE, ("ADE_LOCAL_REAPER_SECONDS", "2"), ("ADE_LOCAL_EXECUTORS", "6"), ("ADE_MAX_ATTEMPTS", "50")];
    let mut stack = Stack::start_with(&settings).await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 1, "interval_ms": 1 })).await.rest().await;

    let (moved, address) = watch::channel(Address::of(&stack));
    let mut followers = BTreeMap::new();
    let kills = count() / 3;
    let mut killed = 0;
    for n in 0..count() {
        let engine = json!({ "mode": "ticks", "count": 20, "interval_ms": rand::rng().random_range(5..60) });
        let body = json!({ "input_documents": [document], "options": { "metadata": { "engine": engine } } });
        let run = id(&stack.api.post(&format!("/configs/{config}/runs"), &body).await.expect(201));
        followers.insert(run.clone(), tokio::spawn(follow(format!("runs/{run}"), address.clone())));
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(0..300))).await;
        if killed < kills && kill_one(&stack, "executor") {
            killed += 1;
        }
        if n == count() / 2 {
            stack.kill();
            stack.restart().await;
            moved.send_replace(Address::of(&stack));
        }
    }
    assert!(killed > 0, "nobody was killed");

    let mut attempts = BTreeMap::new();
    let deadline = Instant::now() + PATIENCE;
    for (run, follower) in followers {
        let events = tokio::time::timeout_at(deadline.into(), follower).await.unwrap_or_else(|_| panic!("{run} never ends")).unwrap();
        assert_whole_log(&events, "run");
        let record = stack.finished(&run).await;
        assert_eq!(record["status"], "succeeded", "{record:#}");
        assert_eq!(record["last_event_id"], events.len());
        // Those who come later read the same.
        let log = stack.events(&run, 0, false).await.rest().await;
        assert_eq!(ids(&log), ids(&events));
        assert!(log == events, "{run}: what a follower has seen is the log");
        // The last attempt printed everything, and what came of it is what the record names.
        let started: Vec<_> = events.iter().enumerate().filter(|(_, event)| event["type"] == "run.started").collect();
        let (at, last) = started[started.len() - 1];
        assert_eq!(last["attempt"], record["attempt"]);
        assert_eq!(events[at..].iter().filter(|event| event["type"] == "run.log" && event["stream"] == "stdout").count(), 20);
        assert!(started.iter().map(|(_, event)| event["attempt"].as_u64()).is_sorted_by(|a, b| a < b), "each attempt began once");
        *attempts.entry(record["attempt"].as_u64().unwrap()).or_insert(0) += 1;
    }
    println!("{} runs, {killed} executors and the server killed; runs by attempts: {attempts:?}", count());
    eventually("no engine is left", async || engines(&stack).is_empty().then_some(())).await;
    let scratch = || std::fs::read_dir(stack.data_dir().join("runs")).unwrap().count();
    println!("{} scratch directories await the next executor", scratch());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_builder_is_replaced() {
    let stack = Stack::start_with(&[("ADE_LOCAL_REAPER_SECONDS", "2")]).await;
    let config = stack.config().await;
    let slow = b"import time\ntime.sleep(2)\n";
    stack.bucket().put(&format!("configs/{config}/draft/src/ade_config/__init__.py"), slow).await;
    let path = stack.in_workspace(&format!("configs/{config}/builds"));
    let build = id(&stack.api.post(&path, &json!({})).await.expect(201));
    let mut stream = stack.api.stream(stack.api.request(http::Method::GET, &format!("/builds/{build}/events"))).await;
    let mut events = stream.until(|event| event["step"] == "verify_imports").await;
    assert!(kill_one(&stack, "builder"));
    stack.api.post(&path, &json!({})).await.refused(409, "build_in_progress");
    events.extend(stream.rest().await);
    assert_whole_log(&events, "build");
    assert_eq!(events[events.len() - 1]["status"], "active", "{:#}", events[events.len() - 1]);
    let begun = events.iter().filter(|event| event["step"] == "create_venv" && event["status"] == "started");
    assert_eq!(begun.count(), 2, "both attempts are in the log");
    let reused = stack.api.post(&path, &json!({})).await.expect(200);
    assert_eq!((&reused["id"], &reused["reused"]), (&json!(build), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_not_tried_again_frees_its_config() {
    let stack = Stack::start_with(&[("ADE_LOCAL_REAPER_SECONDS", "2"), ("ADE_MAX_ATTEMPTS", "1")]).await;
    let config = stack.config().await;
    let endless = b"import time\nwhile True:\n    time.sleep(1)\n";
    stack.bucket().put(&format!("configs/{config}/draft/src/ade_config/__init__.py"), endless).await;
    let path = stack.in_workspace(&format!("configs/{config}/builds"));
    let build = id(&stack.api.post(&path, &json!({})).await.expect(201));
    let mut stream = stack.api.stream(stack.api.request(http::Method::GET, &format!("/builds/{build}/events"))).await;
    stream.until(|event| event["step"] == "verify_imports").await;
    assert!(kill_one(&stack, "builder"));
    let last = stream.rest().await.pop().unwrap();
    assert_eq!(last["status"], "failed", "{last:#}");
    let next = id(&stack.api.post(&path, &json!({})).await.expect(201));
    stack.api.send(stack.api.request(http::Method::POST, &format!("/builds/{next}/cancel"))).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_builders_lose_no_build() {
    let settings = [("ADE_LOCAL_REAPER_SECONDS", "2"), ("ADE_MAX_ATTEMPTS", "50")];
    let mut stack = Stack::start_with(&settings).await;
    let (moved, address) = watch::channel(Address::of(&stack));
    let mut followers = BTreeMap::new();
    let builds = count() / 4;
    let mut killed = 0;
    for n in 0..builds {
        let config = stack.config().await;
        // Each build is another one.
        let slow = format!("import time\ntime.sleep(0.{})\nN = {n}\n", rand::rng().random_range(1..9));
        stack.bucket().put(&format!("configs/{config}/draft/src/ade_config/__init__.py"), slow.as_bytes()).await;
        let path = stack.in_workspace(&format!("configs/{config}/builds"));
        let build = id(&stack.api.post(&path, &json!({})).await.expect(201));
        followers.insert(build.clone(), (config, tokio::spawn(follow(format!("builds/{build}"), address.clone()))));
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(0..900))).await;
        killed += usize::from(n % 2 == 0 && kill_one(&stack, "builder"));
        if n == builds / 2 {
            stack.kill();
            stack.restart().await;
            moved.send_replace(Address::of(&stack));
        }
    }
    let mut attempts = BTreeMap::new();
    let deadline = Instant::now() + PATIENCE;
    for (build, (config, follower)) in followers {
        let events = tokio::time::timeout_at(deadline.into(), follower).await.unwrap_or_else(|_| panic!("{build} never ends")).unwrap();
        assert_whole_log(&events, "build");
        let record = stack.api.get(&format!("/builds/{build}")).await.expect(200);
        assert_eq!(record["status"], "active", "{record:#}");
        let log =
            stack.api.stream(stack.api.request(http::Method::GET, &format!("/builds/{build}/events?follow=false"))).await.rest().await;
        assert!(log == events, "{build}: what a follower has seen is the log");
        let config = stack.api.get(&stack.in_workspace(&format!("configs/{config}"))).await.expect(200);
        assert_eq!(config["active_build_id"], build.as_str(), "{config:#}");
        let begun = events.iter().filter(|event| event["step"] == "create_venv" && event["status"] == "started").count();
        *attempts.entry(begun).or_insert(0) += 1;
    }
    println!("{builds} builds, {killed} builders and the server killed; builds by attempts that began: {attempts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_above_the_limit_of_a_workspace_take_turns() {
    let settings = [TEST_ENGINE, ("ADE_WORKSPACE_RUNS", "1"), ("ADE_LOCAL_EXECUTORS", "4")];
    let stack = Stack::start_with(&settings).await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 1, "interval_ms": 1 })).await.rest().await;
    let mut runs = Vec::new();
    for _ in 0..5 {
        let engine = json!({ "mode": "ticks", "count": 5, "interval_ms": 40 });
        let body = json!({ "input_documents": [document], "options": { "metadata": { "engine": engine } } });
        runs.push(id(&stack.api.post(&format!("/configs/{config}/runs"), &body).await.expect(201)));
    }
    // One more is watched from the moment it is created.
    let mut stream = stack.engine_run(&config, &document, &json!({ "mode": "leave" })).await;
    assert_eq!(stream.next().await.unwrap()["type"], "run.created");
    let mut previous = 0;
    for run in runs {
        let record = stack.finished(&run).await;
        assert_eq!((&record["status"], &record["attempt"]), (&json!("succeeded"), &json!(1)), "{record:#}");
        let events = stack.events(&run, 0, false).await.rest().await;
        let began = events.iter().find(|event| event["type"] == "run.started").unwrap();
        let began = record["created"].as_u64().unwrap() * 1000 + began["elapsed_ms"].as_u64().unwrap();
        // Creation times are whole seconds.
        assert!(began + 1000 >= previous, "they begin in the order of their creation");
        previous = began;
    }
    let rest = stream.rest().await;
    assert_eq!(rest[rest.len() - 1]["exit_code"], 7);
}

/// Resident memory of the server and everything below it, in KiB.
fn memory(stack: &Stack) -> u64 {
    let processes: Vec<(i32, i32)> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, status_of(pid, "PPid")?.parse().ok()?)))
        .collect();
    let (mut below, mut open) = (Vec::new(), vec![stack.pid()]);
    while let Some(parent) = open.pop() {
        below.push(parent);
        open.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
    }
    below.iter().filter_map(|pid| status_of(*pid, "VmRSS")?.trim_end_matches(" kB").parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_are_streamed_at_once() {
    const EXECUTORS: usize = 2;
    let stack = Stack::start_with(&[TEST_ENGINE, ("ADE_LOCAL_EXECUTORS", "2"), ("ADE_LOCAL_REAPER_SECONDS", "5")]).await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let what = json!({ "mode": "lines", "count": 50 });
    stack.engine_run(&config, &document, &what).await.rest().await;
    let watching = async {
        let (mut executors, mut peak) = (0, 0);
        loop {
            executors = executors.max(stack.processes("executor").len());
            peak = peak.max(memory(&stack));
            assert!(executors <= EXECUTORS, "{executors} executors");
            println!("at most {executors} executors and {} MiB so far", peak >> 10);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let streams = futures::future::join_all((0..count()).map(async |_| {
        let events = stack.engine_run(&config, &document, &what).await.rest().await;
        assert_whole_log(&events, "run");
        assert_eq!(events[events.len() - 1]["status"], "succeeded");
        assert_eq!(events.iter().filter(|event| event["type"] == "run.log").count(), 50);
    }));
    tokio::select! {
        () = watching => {}
        _ = streams => {}
    }
}
