//! Events read back as they were written, one a line.

use ade_core::eventlog::{BuildStep, Event, EventBody, EventObject, Failure, FailureCode, LogLevel, LogLine, LogStream, StepStatus};
use ade_core::id::{BuildId, ConfigId, RunId};
use proptest::option;
use proptest::prelude::*;

fn log_line() -> impl Strategy<Value = LogLine> {
    let stream = prop_oneof![Just(LogStream::Stdout), Just(LogStream::Stderr)];
    let level = prop_oneof![Just(LogLevel::Debug), Just(LogLevel::Info), Just(LogLevel::Warning), Just(LogLevel::Error)];
    let data = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        "\\PC{0,20}".prop_map(|text| serde_json::json!({ "rows": [text, null] })),
    ];
    (stream, any::<String>(), option::of(level), option::of("engine\\.[a-z.]{1,20}"), option::of(data), any::<bool>())
        .prop_map(|(stream, message, level, name, data, truncated)| LogLine { stream, message, level, name, data, truncated })
}

fn failure() -> impl Strategy<Value = Failure> {
    let code =
        prop_oneof![Just(FailureCode::InputError), Just(FailureCode::Timeout), Just(FailureCode::SafeMode), Just(FailureCode::BuildFailed)];
    (code, "[a-z_]{1,12}").prop_map(|(code, stage)| Failure { code, stage })
}

fn body() -> impl Strategy<Value = EventBody> {
    let text = || option::of(any::<String>());
    let step = prop_oneof![Just(BuildStep::CreateVenv), Just(BuildStep::VerifyImports), Just(BuildStep::Publish)];
    let status = prop_oneof![Just(StepStatus::Started), Just(StepStatus::Completed), Just(StepStatus::Skipped)];
    prop_oneof![
        Just(EventBody::RunCreated { status: "queued".to_owned(), config_id: ConfigId::generate() }),
        any::<u32>().prop_map(|attempt| EventBody::RunStarted { attempt }),
        log_line().prop_map(EventBody::RunLog),
        log_line().prop_map(EventBody::BuildLog),
        (any::<String>(), any::<u64>(), any::<String>()).prop_map(|(path, byte_size, content_type)| EventBody::RunOutput {
            path,
            byte_size,
            content_type
        }),
        (option::of(any::<i32>()), text(), option::of(failure()), text(), proptest::collection::vec(any::<String>(), 0..4)).prop_map(
            |(exit_code, error_message, failure, summary, output_paths)| EventBody::RunCompleted {
                status: "failed".to_owned(),
                exit_code,
                error_message,
                failure,
                summary,
                output_paths
            }
        ),
        (step, status, option::of(any::<u64>()), text()).prop_map(|(step, status, duration_ms, message)| EventBody::BuildStep {
            step,
            status,
            duration_ms,
            message
        }),
        (option::of(any::<i32>()), text(), text()).prop_map(|(exit_code, error_message, summary)| EventBody::BuildCompleted {
            status: "active".to_owned(),
            exit_code,
            error_message,
            summary
        }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (body(), any::<bool>(), any::<bool>(), 1..u64::MAX, any::<i64>(), any::<u64>(), option::of("[0-9a-f]{32}")).prop_map(
        |(body, of_run, about_build, id, created, elapsed_ms, trace_id)| Event {
            object: if of_run { EventObject::Run } else { EventObject::Build },
            body,
            run_id: of_run.then(RunId::generate),
            build_id: (about_build || !of_run).then(BuildId::generate),
            id,
            created,
            elapsed_ms,
            trace_id,
        },
    )
}

proptest! {
    #[test]
    fn an_event_is_one_line_that_reads_back(event in event()) {
        let line = event.line();
        prop_assert_eq!(line.split_inclusive(|byte| *byte == b'\n').count(), 1, "whatever a message holds, it is one line");
        prop_assert_eq!(line.last(), Some(&b'\n'));
        let back: Event = serde_json::from_slice(&line).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(back, event);
    }
}
