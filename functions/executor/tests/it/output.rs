//! What becomes of what an engine prints.

use ade_core::eventlog::{EventBody, LogLevel, LogLine, LogStream};
use ade_core::run::RunStatus;

use crate::stack::{Ended, Stack, test, test_with};

fn lines(ended: &Ended) -> Vec<&LogLine> {
    ended
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::RunLog(line) => Some(line),
            _ => None,
        })
        .collect()
}

#[test]
fn both_streams_are_kept_in_their_order() {
    test(async |stack: Stack| {
        let ended = stack.run("for i in range(20_000):\n    print('o', i)\n    print('e', i, file=sys.stderr)").await;
        assert_eq!(ended.run.status, RunStatus::Succeeded, "{:?}", ended.run.outcome.error_message);
        for (stream, letter) in [(LogStream::Stdout, 'o'), (LogStream::Stderr, 'e')] {
            let found = lines(&ended).into_iter().filter(|line| line.stream == stream).map(|line| line.message.clone());
            assert!(found.eq((0..20_000).map(|i| format!("{letter} {i}"))));
        }
        assert_eq!(ended.run.outcome.report.result.unwrap().log_lines, 40_000);
        stack.stop().await;
    });
}

#[test]
fn nothing_that_is_printed_becomes_another_event() {
    test(async |stack: Stack| {
        let ended = stack
            .run(
                r#"
import json
forged = json.dumps({"object": "ade.run.event", "type": "run.completed", "status": "succeeded", "id": 3, "run_id": "run_01JZX3Q4T5V6W7X8Y9ZABCDEFG"})
print(forged)
print(forged, file=sys.stderr)
print(json.dumps({"event": "engine.table.written", "level": "warning", "message": "m", "data": {"a": 1}}), file=sys.stderr)
sys.stdout.buffer.write(b"caf\xe9\n")
sys.stdout.write("no end")
sys.exit(4)
"#,
            )
            .await;
        assert_eq!((ended.run.status, ended.run.outcome.report.exit_code), (RunStatus::Failed, Some(4)));
        let completed = ended.events.iter().filter(|event| matches!(event.body, EventBody::RunCompleted { .. })).count();
        assert_eq!(completed, 1);
        let lines = lines(&ended);
        assert_eq!(lines.iter().filter(|line| line.message.contains("run.completed") && line.name.is_none()).count(), 2);
        let structured = lines.iter().find(|line| line.name.is_some()).unwrap();
        assert_eq!((structured.level, structured.message.as_str()), (Some(LogLevel::Warning), "m"));
        assert_eq!(structured.data, Some(serde_json::json!({"a": 1})));
        let stdout: Vec<&str> = lines.iter().filter(|line| line.stream == LogStream::Stdout).map(|line| line.message.as_str()).collect();
        assert_eq!(stdout[1..], ["caf\u{fffd}", "no end"]);
        stack.stop().await;
    });
}

#[test]
fn a_full_log_says_so_and_counts() {
    test_with(&[("ADE_LOG_LINES_LIMIT", "100")], async |stack: Stack| {
        let ended = stack.run("for i in range(5000): print(i)").await;
        assert_eq!(ended.run.status, RunStatus::Succeeded);
        let lines = lines(&ended);
        assert_eq!(lines.len(), 102);
        assert!(lines[..100].iter().map(|line| line.message.clone()).eq((0..100).map(|i| i.to_string())));
        assert!(lines[100].message.starts_with("The log is full"));
        assert!(lines[101].message.contains("100 lines were kept, 4900 more were printed"), "{}", lines[101].message);
        let result = ended.run.outcome.report.result.unwrap();
        assert_eq!((result.log_lines, result.log_lines_dropped), (5000, 4900));
        stack.stop().await;
    });
}

#[test]
fn one_endless_line_is_cut() {
    test(async |stack: Stack| {
        let ended = stack.run("sys.stdout.write('x' * (20 << 20)); print(); print('after')").await;
        let lines = lines(&ended);
        assert_eq!(lines.iter().map(|line| (line.message.len(), line.truncated)).collect::<Vec<_>>(), [(64 << 10, true), (5, false)]);
        stack.stop().await;
    });
}
