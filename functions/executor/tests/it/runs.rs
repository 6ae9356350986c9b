//! Runs from claim to finish.

use std::time::Duration;

use ade_core::eventlog::{EventBody, FailureCode, LogStream};
use ade_core::run::{RunOptions, RunStatus};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::stack::{Ended, Stack, events, test, test_with};

fn code(ended: &Ended) -> FailureCode {
    assert_eq!(ended.run.status, RunStatus::Failed, "{:?}", ended.run.outcome.error_message);
    ended.run.outcome.failure.as_ref().unwrap().code
}

fn log(ended: &Ended) -> Vec<(LogStream, &str)> {
    ended
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::RunLog(line) => Some((line.stream, line.message.as_str())),
            _ => None,
        })
        .collect()
}

/// Kinds of events, repeated ones once.
fn kinds(ended: &Ended) -> Vec<String> {
    let kind = |body| serde_json::to_value(body).unwrap()["type"].as_str().unwrap().to_owned();
    let mut kinds: Vec<String> = ended.events.iter().map(|event| kind(&event.body)).collect();
    kinds.dedup();
    kinds
}

#[test]
fn a_run_stages_builds_runs_and_publishes() {
    test(async |stack: Stack| {
        let ended = stack
            .run(
                r#"
print("hello")
(output / "a_normalized.xlsx").write_bytes(b"12345")
(output / "more").mkdir()
(output / "more" / "x.csv").write_text("1")
(logs / "artifact.json").write_text('{"schema": "ade.artifact/v1", "run": {}, "tables": [{"rows": {"output": 3}, "mapped_columns": [1]}], "mine": true}')
"#,
            )
            .await;
        let run = &ended.run;
        assert_eq!((run.status, run.outcome.report.exit_code), (RunStatus::Succeeded, Some(0)), "{:?}", run.outcome.error_message);
        assert_eq!(run.outcome.report.summary.as_deref(), Some("1 table with 3 rows: 1 column mapped, 0 not, 0 issues"));
        assert_eq!(run.outcome.output_paths, ["a_normalized.xlsx", "more/x.csv"]);
        assert_eq!(stack.artifact(run).await["mine"], true);
        assert_eq!(
            kinds(&ended),
            [
                "run.created",
                "build.created",
                "build.step",
                "build.log",
                "build.step",
                "build.completed",
                "run.started",
                "run.log",
                "run.output",
                "run.completed"
            ]
        );
        assert!(
            ended
                .events
                .iter()
                .filter(|event| matches!(event.body, EventBody::BuildStep { .. }))
                .all(|event| event.build_id == run.build_id)
        );
        assert_eq!(log(&ended), [(LogStream::Stdout, "hello")]);
        let document = run.input_documents[0].document_id;
        let prefix = format!("runs/{}/", run.run_id);
        let mut keys = stack.keys(&prefix).await;
        keys.retain(|key| !key.ends_with(".ndjson"));
        let expected = [
            format!("input/{document}/in.csv"),
            "logs/1/artifact.json".into(),
            "output/1/a_normalized.xlsx".into(),
            "output/1/more/x.csv".into(),
        ];
        assert_eq!(keys, expected.map(|key| format!("{prefix}{key}")));
        let head = stack.ade.objects.head(&format!("{prefix}output/1/more/x.csv")).await.unwrap().unwrap();
        assert_eq!(head.sha256.as_deref(), Some("6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"));

        // What was relayed is the log, without the event that the caller knows already.
        let relayed: Vec<_> =
            serde_json::Deserializer::from_slice(&ended.relayed).into_iter::<ade_core::eventlog::Event>().map(Result::unwrap).collect();
        assert_eq!(relayed, ended.events[1..]);

        let again = stack.run("print(1)").await;
        assert_eq!(kinds(&again), ["run.created", "run.started", "run.log", "run.completed"], "the build is used again");
        assert_eq!(again.run.build_id, run.build_id);
        stack.stop().await;
    });
}

#[test]
fn each_failure_has_its_code_and_an_artifact() {
    let limits = [("ADE_RUN_FILE_SIZE_LIMIT", "1MiB"), ("ADE_RUN_MEMORY_LIMIT", "256MiB"), ("ADE_RUN_CPU_SECONDS", "1")];
    test_with(&limits, async |stack: Stack| {
        use FailureCode::{CpuLimitExceeded, EngineError, EngineKilled, FileSizeLimitExceeded, InputError, OutOfMemory};
        let artifact = |code: &str| {
            format!(
                r#"(logs / "artifact.json").write_text('{{"schema": "ade.artifact/v1", "run": {{"error": {{"code": "{code}", "stage": "read", "message": "no"}}}}}}'); sys.exit(1)"#
            )
        };
        let cases = [
            (artifact("input_error"), InputError, Some(1)),
            ("sys.exit(3)".to_owned(), EngineError, Some(3)),
            ("raise ValueError('boom')".to_owned(), EngineError, Some(1)),
            ("os.kill(os.getpid(), 11)".to_owned(), EngineKilled, None),
            ("os.kill(os.getpid(), 9)".to_owned(), OutOfMemory, None),
            ("x = bytearray(1 << 30)".to_owned(), OutOfMemory, Some(1)),
            ("while True: pass".to_owned(), CpuLimitExceeded, None),
            ("(output / 'big').write_bytes(b'x' * (2 << 20))".to_owned(), FileSizeLimitExceeded, Some(1)),
        ];
        for (engine, expected, exit_code) in cases {
            let ended = stack.run(&engine).await;
            assert_eq!(
                (code(&ended), ended.run.outcome.report.exit_code),
                (expected, exit_code),
                "{engine}: {:?}",
                ended.run.outcome.error_message
            );
            let artifact = stack.artifact(&ended.run).await;
            assert_eq!(artifact["schema"], "ade.artifact/v1");
            assert_eq!(artifact["run"]["error"]["message"].as_str(), ended.run.outcome.error_message.as_deref());
            assert!(matches!(ended.events.last().unwrap().body, EventBody::RunCompleted { .. }));
        }
        stack.stop().await;
    });
}

#[test]
fn the_engine_gets_a_clean_environment_and_nothing_it_starts_stays() {
    test(async |stack: Stack| {
        let engine = r#"
import json, signal, subprocess
print(json.dumps(sorted(os.environ)))
print(os.environ["ADE_RUN_METADATA"], os.getcwd() == os.environ["HOME"], os.getsid(0) == os.getpid(), sys.stdin.read() == "")
stray = subprocess.Popen(["sleep", "600"], start_new_session=True)
group = subprocess.Popen(["sleep", "600"])
orphan = subprocess.Popen(["sh", "-c", "setsid sleep 600 & echo $!"], stdout=subprocess.PIPE, text=True)
(output / "pids.txt").write_text(f"{stray.pid} {group.pid} {orphan.stdout.readline()}")
"#;
        let options = RunOptions { metadata: [("team".to_owned(), "payroll".into())].into(), ..RunOptions::default() };
        let ended = stack.run_with(engine, options).await;
        assert_eq!(ended.run.status, RunStatus::Succeeded, "{:?}", ended.run.outcome.error_message);
        let lines: Vec<&str> = log(&ended).into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, [r#"["ADE_RUN_METADATA", "HOME", "LANG", "PATH", "TMPDIR"]"#, r#"{"team":"payroll"} True True True"#]);
        let pids = stack.output(&ended.run, "pids.txt").await;
        for pid in pids.split_whitespace() {
            assert!(!std::path::Path::new("/proc").join(pid).exists(), "process {pid} is left");
        }
        stack.stop().await;
    });
}

#[test]
fn cancel_and_time_end_a_run_that_does_not_listen() {
    test(async |stack: Stack| {
        let stubborn = "(output / 'part.csv').write_text('1')\nimport signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                        print('on', flush=True)\nwhile True: time.sleep(1)";
        // Its time is not used up by a build.
        stack.run("print(1)").await;
        let timed = stack.run_with(stubborn, RunOptions { timeout_seconds: Some(5), ..RunOptions::default() }).await;
        assert_eq!(code(&timed), FailureCode::Timeout);
        assert_eq!(timed.run.outcome.output_paths, ["part.csv"], "what was made so far is kept");

        let document = stack.document("in.csv", stubborn).await;
        let id = stack.create(&stack.config, vec![document], RunOptions::default()).await;
        let cancel = async {
            while !events(&stack.ade, id).await.iter().any(|event| matches!(event.body, EventBody::RunLog(_))) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let run = stack.ade.runs.get(id).await.unwrap().unwrap();
            stack.ade.runs.cancel(run).await.unwrap();
        };
        let (canceled, ()) = tokio::join!(stack.execute(id), cancel);
        assert_eq!(canceled.run.status, RunStatus::Canceled);
        assert_eq!(canceled.run.outcome.failure.as_ref().unwrap().code, FailureCode::CanceledByUser);
        assert_eq!(stack.artifact(&canceled.run).await["run"]["status"], "canceled");
        assert_eq!(canceled.run.outcome.output_paths, ["part.csv"]);
        stack.stop().await;
    });
}

#[test]
fn several_documents_have_one_artifact_and_outputs_that_do_not_meet() {
    test(async |stack: Stack| {
        let engine = |rows: u32| {
            format!(
                r#"
(output / "in_normalized.xlsx").write_text("{rows}")
(logs / "artifact.json").write_text('{{"schema": "ade.artifact/v1", "run": {{"engine_version": "7"}}, "tables": [{{"rows": {{"output": {rows}}}}}]}}')
"#
            )
        };
        let documents = vec![stack.document("in.csv", &engine(1)).await, stack.document("in.csv", &engine(2)).await];
        let expected: Vec<String> = documents.iter().map(|document| format!("{}/in_normalized.xlsx", document.document_id)).collect();
        let id = stack.create(&stack.config, documents, RunOptions::default()).await;
        let ended = stack.execute(id).await;
        assert_eq!(ended.run.status, RunStatus::Succeeded, "{:?}", ended.run.outcome.error_message);
        let mut sorted = expected.clone();
        sorted.sort();
        assert_eq!(ended.run.outcome.output_paths, sorted);
        let artifact = stack.artifact(&ended.run).await;
        assert_eq!(artifact["tables"], serde_json::json!([{"rows": {"output": 1}}, {"rows": {"output": 2}}]));
        assert_eq!(artifact["run"]["engine_version"], "7");
        assert_eq!(ended.run.outcome.report.result.unwrap().rows, 3);
        stack.stop().await;
    });
}

#[test]
fn a_document_that_is_not_what_was_uploaded_is_refused() {
    test(async |stack: Stack| {
        let document = stack.document("in.csv", "print(1)").await;
        stack.ade.objects.put(&document.object_key(), bytes::Bytes::from_static(b"print(2)")).await.unwrap();
        let id = stack.create(&stack.config, vec![document], RunOptions::default()).await;
        let ended = stack.execute(id).await;
        assert_eq!(code(&ended), FailureCode::InputError);
        assert!(log(&ended).is_empty());
        stack.stop().await;
    });
}

#[test]
fn a_run_is_executed_once_however_often_it_is_dispatched() {
    test(async |stack: Stack| {
        let document = stack.document("in.csv", "print('once')").await;
        let id = stack.create(&stack.config, vec![document], RunOptions::default()).await;
        let executors: Vec<_> = (0..5).map(|_| stack.executor()).collect();
        let far = Instant::now() + Duration::from_mins(1);
        let executions = executors.iter().map(|executor| executor.execute(id, far, mpsc::channel(100).0));
        let finished = futures::future::try_join_all(executions).await.unwrap();
        assert_eq!(finished.iter().flatten().count(), 1);
        assert_eq!(executors[0].execute(id, far, mpsc::channel(100).0).await.unwrap(), None, "a late one finds nothing to do");
        let ended =
            Ended { run: stack.ade.runs.get(id).await.unwrap().unwrap(), events: events(&stack.ade, id).await, relayed: Vec::new() };
        assert_eq!(log(&ended).len(), 1);
        stack.stop().await;
    });
}

#[test]
fn an_engine_that_leaves_no_artifact_gets_one_from_its_last_event() {
    test(async |stack: Stack| {
        let engine = r#"
import json
column = lambda index, raw, mapping: {"index": index, "header": {"raw": raw, "normalized": ""}, "non_empty_cells": 2, "valid_cells": 2, "mapping": mapping}
table = {
    "locator": {"workbook": {}, "sheet": {}, "table": {"index": 0}},
    "counts": {"rows": {"total": 2, "empty": 0}},
    "validation": {"rows_evaluated": 2, "issues_total": 1},
    "structure": {
        "region": {"a1": "B4:C6"}, "header": {"row_start": 4, "row_count": 1, "inferred": False}, "data": {"row_start": 5, "row_count": 2},
        "columns": [
            column(0, "E-mail", {"status": "mapped", "field": "email", "score": 1.0, "unmapped_reason": None}),
            column(1, "?", {"status": "unmapped", "field": None, "score": None, "unmapped_reason": "no_signal"}),
        ],
    },
    "outputs": {"normalized": {"path": "x", "sheet_name": "S", "range_a1": "S!A1:B3"}},
}
data = {
    "execution": {"status": "succeeded", "failure": None},
    "evaluation": {"outcome": "partial", "findings": []},
    "workbooks": [{"sheets": [{"locator": {"workbook": {}, "sheet": {"index": 0, "name": "S"}}, "tables": [table]}]}],
}
print(json.dumps({"level": "info", "event": "engine.run.completed", "message": "", "data": data}), file=sys.stderr)
"#;
        let ended = stack.run(engine).await;
        let artifact = stack.artifact(&ended.run).await;
        assert_eq!(artifact["tables"][0]["mapped_columns"][0]["source_column_index"], 1);
        assert_eq!(ended.run.outcome.report.summary.as_deref(), Some("1 table with 2 rows: 1 column mapped, 1 not, 1 issue"));
        stack.stop().await;
    });
}

#[test]
fn validate_only_needs_no_document() {
    test(async |stack: Stack| {
        let options = RunOptions { validate_only: true, ..RunOptions::default() };
        let id = stack.create(&stack.config, Vec::new(), options).await;
        let ended = stack.execute(id).await;
        assert_eq!((ended.run.status, ended.run.outcome.report.summary.as_deref()), (RunStatus::Succeeded, Some("The config is valid")));
        stack.stop().await;
    });
}

/// What storage would refuse again is not tried again.
#[test]
fn what_is_too_large_to_be_kept_ends_the_run_at_once() {
    test(async |stack: Stack| {
        let long = r#"
import json
error = {"code": "config_error", "stage": "s" * 10_000, "message": "\u00e9" * 300_000}
(logs / "artifact.json").write_text(json.dumps({"schema": "ade.artifact/v1", "run": {"error": error}}))
sys.exit(1)
"#;
        let ended = stack.run(long).await;
        assert_eq!((code(&ended), ended.run.execution.attempt), (FailureCode::ConfigError, 1));
        let message = ended.run.outcome.error_message.unwrap();
        assert!(message.starts_with('é') && message.len() <= 8 << 10, "{} bytes", message.len());

        let deep = "place = output.joinpath(*['a' * 250] * 4)\nplace.mkdir(parents=True)\n(place / 'x.csv').write_text('1')";
        let many = "for n in range(900): (output / (str(n) + 'a' * 250)).write_text('1')";
        for engine in [deep, many] {
            let ended = stack.run(engine).await;
            assert_eq!((code(&ended), ended.run.execution.attempt), (FailureCode::LimitExceeded, 1), "{engine}");
        }
        stack.stop().await;
    });
}

/// A fault of the machine fails the run, wherever it shows.
#[test]
fn a_machine_without_room_fails_the_run_at_once() {
    test(async |stack: Stack| {
        // In the way of the scratch directory, and of the artifact.
        for (place, is_file) in [("", true), ("1/artifact.json", false)] {
            let document = stack.document("in.csv", "(output / 'a.csv').write_text('1'); sys.exit(3)").await;
            let id = stack.create(&stack.config, vec![document], RunOptions::default()).await;
            let run = stack.dir().join("runs").join(id.to_string());
            let path = if is_file { run } else { run.join(place) };
            std::fs::create_dir_all(if is_file { path.parent().unwrap() } else { &path }).unwrap();
            if is_file {
                std::fs::write(&path, "").unwrap();
            }
            let far = Instant::now() + Duration::from_mins(1);
            let finished = stack.executor().execute(id, far, mpsc::channel(100).0).await.unwrap();
            let run = stack.ade.runs.get(id).await.unwrap().unwrap();
            assert_eq!((run.status, run.execution.attempt), (RunStatus::Failed, 1), "{place}");
            let events = events(&stack.ade, id).await;
            assert_eq!(finished, Some(events.len() as u64), "{place}");
            let ended = Ended { run, events, relayed: Vec::new() };
            let expected = if is_file { FailureCode::Internal } else { FailureCode::EngineError };
            assert_eq!(code(&ended), expected, "{:?}", ended.run.outcome.error_message);
            assert!(ended.run.outcome.report.artifact_uri.is_none());
        }
        stack.stop().await;
    });
}

#[test]
fn who_ends_python_in_the_middle_has_not_succeeded() {
    test(async |stack: Stack| {
        let ended = stack.run("print('half')\nsys.stdout.flush()\nos._exit(0)").await;
        assert_eq!((code(&ended), ended.run.outcome.report.exit_code), (FailureCode::EngineError, Some(0)));
        assert_eq!(log(&ended), [(LogStream::Stdout, "half")]);
        let config = stack.config(&[("src/ade_config/__init__.py", "import os; os._exit(0)")]).await;
        let document = stack.document("in.csv", "print(1)").await;
        let id = stack.create(&config, vec![document], RunOptions::default()).await;
        assert_eq!(code(&stack.execute(id).await), FailureCode::BuildFailed);
        stack.stop().await;
    });
}
