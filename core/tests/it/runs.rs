//! Runs: created whole or not at all, listed page by page.

use std::time::Duration;

use ade_core::build::VersionChoice;
use ade_core::id::{ConfigId, ConfigVersionId};
use ade_core::run::{CreateRunError, ListRuns, Retry, RetryBuild, RetryError, Run, RunOptions, RunStatus, Runs};
use ade_core::safe_mode::SafeMode;
use ade_core::store::PageRequest;
use ade_core::time::Timestamp;
use proptest::prelude::*;

use crate::lease::{outcome, won};
use crate::stack::{TestStack, submitter};

async fn list(stack: &TestStack, wanted: &ListRuns, limit: usize) -> Vec<Run> {
    let (mut runs, mut cursor) = (Vec::new(), None);
    loop {
        let page = stack.runs.list(stack.workspace, wanted, PageRequest { limit, cursor }).await.unwrap();
        assert!(page.items.len() <= limit);
        runs.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return runs,
        }
    }
}

#[tokio::test]
async fn a_run_reads_back_and_refuses_what_it_must() {
    let stack = TestStack::start().await;
    let document = stack.document("Ünï 名.xlsx").await;
    let mut new = stack.new_run(ConfigId::generate(), vec![document.clone()]);
    new.options = RunOptions { input_sheet_names: Some(vec!["Sheet 1".to_owned()]), timeout_seconds: Some(9), ..RunOptions::default() };
    new.options.metadata.insert("n".to_owned(), serde_json::json!({"deep": [1, 2.5, null, "x"]}));
    let run = stack.runs.create(new).await.unwrap();
    assert_eq!(stack.runs.get(run.run_id).await.unwrap().unwrap(), run);
    assert_eq!(run.created_event().id, 1);
    assert!(run.completed_event().is_none());

    let config = ConfigId::generate();
    let none = stack.runs.create(stack.new_run(config, Vec::new())).await;
    assert!(matches!(none, Err(CreateRunError::NoDocument)));
    let twice = stack.runs.create(stack.new_run(config, vec![document.clone(), document.clone()])).await;
    assert!(matches!(twice, Err(CreateRunError::DuplicateDocument(_))));
    let new = ade_core::document::NewDocument { name: "x.csv".to_owned(), byte_size: 1, content_type: "text/csv".to_owned(), sha256: None };
    let pending = stack.documents.create(stack.workspace, new, submitter()).await.unwrap();
    assert!(matches!(stack.runs.create(stack.new_run(config, vec![pending])).await, Err(CreateRunError::DocumentNotReady(_))));
    let mut validate = stack.new_run(config, Vec::new());
    validate.options.validate_only = true;
    assert!(stack.runs.create(validate).await.is_ok());
}

#[tokio::test]
async fn safe_mode_records_and_executes_nothing() {
    let stack = TestStack::start().await;
    let forced = SafeMode::forced(stack.tables.clone(), Some("maintenance until noon".to_owned()));
    let runs = Runs::new(stack.tables.clone(), 100, forced);
    let document = stack.document("a.csv").await;
    let run = runs.create(stack.new_run(ConfigId::generate(), vec![document])).await.unwrap();
    assert_eq!(run.status, RunStatus::Canceled);
    let completed = run.completed_event().unwrap();
    assert_eq!(completed.id, 2);
    let json = serde_json::to_value(&completed).unwrap();
    assert_eq!((json["failure"]["code"].as_str(), json["error_message"].as_str()), (Some("safe_mode"), Some("maintenance until noon")));
    assert!(matches!(stack.runs.claim(run.run_id).await.unwrap(), ade_core::lease::Claim::NothingToDo));
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_complete() {
    let stack = TestStack::start().await;
    let (one, other) = (ConfigId::generate(), ConfigId::generate());
    let document = stack.document("shared.csv").await;
    let mut all = Vec::new();
    for n in 0..23 {
        let config = if n % 3 == 0 { one } else { other };
        let documents = if n % 4 == 0 { vec![document.clone()] } else { vec![stack.document("own.csv").await] };
        all.push(stack.runs.create(stack.new_run(config, documents)).await.unwrap());
    }
    for run in all.iter().take(5) {
        let (lease, record) = won(&stack, run).await;
        stack.runs.finish(&lease, &record, 1, RunStatus::Failed, outcome(RunStatus::Failed)).await.unwrap();
    }
    let all: Vec<Run> = list(&stack, &ListRuns::default(), 200).await;
    assert_eq!(all.len(), 23);
    assert!(all.is_sorted_by(|a, b| a.run_id > b.run_id), "newest first");

    let statuses = [
        vec![],
        vec![RunStatus::Failed],
        vec![RunStatus::Queued, RunStatus::Running],
        RunStatus::ALL[1..].to_vec(),
        RunStatus::ALL.to_vec(),
    ];
    let times = [(None, None), (Some(all[15].created), None), (None, Some(all[4].created)), (Some(all[20].created), Some(all[2].created))];
    let mut wanted = vec![
        ListRuns { submitted_by: Some("key_nobody".to_owned()), ..ListRuns::default() },
        ListRuns { created_after: Some(all[0].created + Duration::from_hours(1)), ..ListRuns::default() },
        ListRuns {
            created_before: Some(Timestamp::from_millis(i64::MIN)),
            created_after: Some(Timestamp::from_millis(i64::MAX)),
            ..ListRuns::default()
        },
    ];
    for statuses in statuses {
        for config_id in [None, Some(one)] {
            for document_id in [None, Some(document.document_id)] {
                for (created_after, created_before) in times {
                    let statuses = statuses.iter().copied().collect();
                    wanted.push(ListRuns { statuses, config_id, document_id, created_after, created_before, submitted_by: None });
                }
            }
        }
    }
    for filter in wanted {
        let expected: Vec<_> = all
            .iter()
            .filter(|run| {
                (filter.statuses.is_empty() || filter.statuses.contains(&run.status))
                    && filter.config_id.is_none_or(|config| config == run.config_id)
                    && filter.document_id.is_none_or(|id| run.input_documents.iter().any(|d| d.document_id == id))
                    && filter.submitted_by.as_ref().is_none_or(|id| *id == run.submitted_by.id)
                    && filter.created_after.is_none_or(|after| run.created >= after)
                    && filter.created_before.is_none_or(|before| run.created < before)
            })
            .map(|run| run.run_id)
            .collect();
        for limit in [6, 200] {
            let listed: Vec<_> = list(&stack, &filter, limit).await.iter().map(|run| run.run_id).collect();
            assert_eq!(listed, expected, "{filter:?} by {limit}");
        }
    }
    let of_one = ListRuns { config_id: Some(one), ..ListRuns::default() };
    let elsewhere = stack.runs.list(ade_core::id::WorkspaceId::generate(), &of_one, PageRequest { limit: 50, cursor: None });
    assert!(elsewhere.await.unwrap().items.is_empty(), "another workspace's runs are not listed");
}

#[tokio::test]
async fn a_repeated_run_names_the_one_it_repeats() {
    let stack = TestStack::start().await;
    let original = stack.runs.create(stack.new_run(ConfigId::generate(), vec![stack.document("a.csv").await])).await.unwrap();
    let retry = |build| Retry { build, submitted_by: original.submitted_by.clone(), trace_id: "t".into() };
    let refused = stack.runs.retry(&original, retry(RetryBuild::Same), None).await.unwrap_err();
    assert!(matches!(refused, RetryError::NotOver(RunStatus::Queued)), "{refused}");

    let (lease, record) = won(&stack, &original).await;
    let mut original = stack.runs.finish(&lease, &record, 1, RunStatus::Failed, outcome(RunStatus::Failed)).await.unwrap();
    let version = ConfigVersionId::generate();
    original.config_version_id = Some(version);
    original.options.force_rebuild = true;
    for (build, wanted) in [(RetryBuild::Same, VersionChoice::Version(version)), (RetryBuild::Current, VersionChoice::Active)] {
        let again = stack.runs.retry(&original, retry(build), None).await.unwrap();
        assert_eq!(stack.runs.get(again.run_id).await.unwrap().as_ref(), Some(&again));
        assert_eq!((again.status, again.retry_of_run_id, again.execution.attempt), (RunStatus::Queued, Some(original.run_id), 1));
        assert_eq!((&again.input_documents, again.options.version), (&original.input_documents, wanted));
    }
}

#[tokio::test]
async fn runs_are_created_all_or_none() {
    let stack = TestStack::start().await;
    let config = ConfigId::generate();
    let mut new = Vec::new();
    for _ in 0..45 {
        new.push(stack.new_run(config, vec![stack.document("a.csv").await]));
    }
    assert_eq!(stack.runs.create_all(new.clone(), None).await.unwrap().len(), 45);
    new[44].documents.clear();
    assert!(matches!(stack.runs.create_all(new, None).await, Err(CreateRunError::NoDocument)));
    assert_eq!(list(&stack, &ListRuns::default(), 200).await.len(), 45);
}

fn status() -> impl Strategy<Value = RunStatus> {
    proptest::sample::select(RunStatus::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_finished_run_never_changes(path in proptest::collection::vec(status(), 1..12)) {
        let mut now = RunStatus::Queued;
        for next in path {
            if now.is_terminal() {
                prop_assert!(!now.may_become(next));
            } else if now.may_become(next) {
                prop_assert!(next != now && !(now == RunStatus::Queued && next == RunStatus::Succeeded), "nothing succeeds without running");
                now = next;
            }
        }
    }
}
