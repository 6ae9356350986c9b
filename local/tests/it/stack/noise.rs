//! Engines that print far more, or far worse, than they should.

use serde_json::{Value, json};

use super::client::{Events, assert_whole_log, messages};
use super::fixtures::PEOPLE;
use super::server::{Stack, run_of, status_of};

/// What an executor may ever have had in memory.
const MEMORY_LIMIT_KIB: u64 = 64 << 10;
/// What a log keeps.
const LINES_LIMIT: u64 = 1_000_000;
const MESSAGE_LIMIT: usize = 64 << 10;

struct Noisy {
    stack: Stack,
    config: String,
    document: String,
}

impl Noisy {
    async fn start() -> Self {
        let stack = Stack::start_with_test_engine().await;
        let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
        Self { stack, config, document }
    }

    async fn run(&self, what: &Value) -> Events {
        self.stack.engine_run(&self.config, &self.document, what).await
    }

    /// The record of a run that must have succeeded, after its executors' memory was looked at.
    async fn succeeded(&self, run: &str) -> Value {
        let executors = self.stack.processes("executor");
        assert!(!executors.is_empty(), "executors stay for a while when they are idle");
        for executor in executors {
            let peak = status_of(executor, "VmHWM").unwrap();
            let peak: u64 = peak.trim_end_matches(" kB").parse().unwrap();
            assert!(peak <= MEMORY_LIMIT_KIB, "an executor needed {peak} KiB");
        }
        let record = self.stack.finished(run).await;
        assert_eq!(record["status"], "succeeded", "{record:#}");
        record
    }

    /// Reads the events of a run that prints `0`, `1`, `2` … and nothing else; how many lines were in the log, and its notes.
    async fn count(&self, mut stream: Events) -> (u64, Vec<String>) {
        let (mut id, mut lines, mut notes, mut last) = (0, 0u64, Vec::new(), Value::Null);
        while let Some(event) = stream.next().await {
            id += 1;
            assert_eq!(event["id"], id);
            if event["type"] == "run.log" {
                let message = event["message"].as_str().unwrap();
                if event["stream"] == "stdout" {
                    assert_eq!(message.parse(), Ok(lines), "line {lines}");
                    lines += 1;
                } else {
                    notes.push(message.to_owned());
                }
            }
            last = event;
        }
        assert_eq!((&last["type"], &last["status"]), (&json!("run.completed"), &json!("succeeded")));
        (lines, notes)
    }
}

#[tokio::test]
async fn many_lines_are_all_kept() {
    let noisy = Noisy::start().await;
    let stream = noisy.run(&json!({ "mode": "lines", "count": 900_000 })).await;
    let run = run_of(&stream);
    let (lines, notes) = noisy.count(stream).await;
    assert_eq!((lines, notes.as_slice()), (900_000, [].as_slice()));
    let record = noisy.succeeded(&run).await;
    assert_eq!((&record["result"]["log_lines"], &record["result"]["log_lines_dropped"]), (&json!(900_000), &json!(0)), "{record:#}");
    // The log is the same for those who were not there.
    let rest = noisy.stack.events(&run, 899_990, true).await.rest().await;
    assert_eq!(rest.len() as u64, record["last_event_id"].as_u64().unwrap() - 899_990);
}

#[tokio::test]
async fn too_many_lines_are_counted() {
    let noisy = Noisy::start().await;
    let stream = noisy.run(&json!({ "mode": "lines", "count": 1_200_000 })).await;
    let run = run_of(&stream);
    let (lines, notes) = noisy.count(stream).await;
    assert_eq!(lines, LINES_LIMIT);
    assert!(!notes.is_empty() && notes.iter().all(|note| note.contains("log is full")), "{notes:?}");
    assert!(notes[notes.len() - 1].contains("200000"), "{notes:?}");
    let record = noisy.succeeded(&run).await;
    assert_eq!(
        (&record["result"]["log_lines"], &record["result"]["log_lines_dropped"]),
        (&json!(1_200_000), &json!(200_000)),
        "{record:#}"
    );
}

#[tokio::test]
async fn one_endless_line_is_cut() {
    let noisy = Noisy::start().await;
    let stream = noisy.run(&json!({ "mode": "long_line", "length": 50 << 20 })).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    let lines: Vec<_> = events.iter().filter(|event| event["type"] == "run.log").collect();
    let [before, long, after] = lines.as_slice() else { panic!("{} lines", lines.len()) };
    assert_eq!((&before["message"], &after["message"]), (&json!("before"), &json!("after")));
    assert_eq!((long["message"].as_str().unwrap().len(), &long["truncated"]), (MESSAGE_LIMIT, &json!(true)));
    assert!(before["truncated"] != true && after["truncated"] != true);
    noisy.succeeded(&run).await;
}

/// Lambda takes answers of 6 MB, in which a body is a JSON string: each of these characters needs four in it.
#[tokio::test]
async fn a_page_of_lines_fits_into_an_answer_whatever_they_are_made_of() {
    const LINES: usize = 100;
    let noisy = Noisy::start().await;
    let stream = noisy.run(&json!({ "mode": "quotes", "count": LINES, "length": 32 << 10 })).await;
    let run = run_of(&stream);
    assert_whole_log(&stream.rest().await, "run");
    let (mut lines, mut pages, mut after) = (0, 0, Some(0));
    while let Some(after_id) = after {
        let page = noisy.stack.api.get(&format!("/runs/{run}/logs?after_id={after_id}&stream=stdout")).await.expect(200);
        let entries = page["entries"].as_array().unwrap();
        lines += entries.iter().filter(|entry| entry["message"].as_str().unwrap().len() == 32 << 10).count();
        pages += 1;
        after = page["next_after_id"].as_u64();
    }
    assert_eq!(lines, LINES, "{pages} pages");
    assert!(pages > 1, "more than one answer can hold");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced() {
    let noisy = Noisy::start().await;
    let stream = noisy.run(&json!({ "mode": "invalid_utf8" })).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    assert_eq!(messages(&events, "stdout"), ["caf\u{fffd} au lait", "\u{fffd}\u{fffd}\u{fffd}", "plain"]);
    assert_eq!(messages(&events, "stderr"), ["\u{fffd}("]);
    noisy.succeeded(&run).await;
}

#[tokio::test]
async fn each_stream_keeps_its_order() {
    let noisy = Noisy::start().await;
    let stream = noisy.run(&json!({ "mode": "both", "count": 20_000 })).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    for (stream, name) in [("stdout", "out"), ("stderr", "err")] {
        let printed = messages(&events, stream);
        assert_eq!(printed.len(), 20_000);
        assert!(printed.iter().enumerate().all(|(n, message)| *message == format!("{name} {n}")), "{stream} is out of order");
    }
    noisy.succeeded(&run).await;
}

#[tokio::test]
async fn what_looks_like_our_events_is_only_a_line() {
    let noisy = Noisy::start().await;
    let stream = noisy.run(&json!({ "mode": "forged" })).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    assert_whole_log(&events, "run");
    let forged: Vec<_> = events.iter().filter(|event| event["message"].as_str().is_some_and(|m| m.starts_with('{'))).collect();
    assert_eq!(forged.len(), 9);
    assert!(
        forged.iter().all(|event| event["type"] == "run.log" && event["run_id"] == run.as_str() && event["name"].is_null()),
        "{forged:#?}"
    );
    let completed = &events[events.len() - 1];
    assert_eq!(completed["output_paths"], json!([]));
    assert_eq!(noisy.succeeded(&run).await["result"]["outputs"], 0);
    assert_eq!(noisy.stack.api.get(&format!("/runs/{run}/outputs")).await.expect(200)["data"], json!([]));
}
