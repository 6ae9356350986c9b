//! Runs: created whole or not at all, listed page by page.

use std::collections::BTreeSet;

use ade_core::id::ConfigId;
use ade_core::run::{CreateRunError, ListRuns, Run, RunOptions, RunStatus, Runs};
use ade_core::store::PageRequest;
use proptest::prelude::*;

use crate::lease::{outcome, won};
use crate::stack::{TestStack, submitter};

async fn list(stack: &TestStack, wanted: &ListRuns, limit: usize) -> Vec<Run> {
    let (mut runs, mut cursor) = (Vec::new(), None);
    loop {
        let page = stack.runs.list(stack.workspace, wanted.clone(), PageRequest { limit, cursor }).await.unwrap();
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
    let runs = Runs::new(stack.tables.clone(), Some("maintenance until noon".to_owned()));
    let document = stack.document("a.csv").await;
    let run = runs.create(stack.new_run(ConfigId::generate(), vec![document])).await.unwrap();
    assert_eq!(run.status, RunStatus::Canceled);
    let completed = run.completed_event().unwrap();
    assert_eq!(completed.id, 2);
    let json = serde_json::to_value(&completed).unwrap();
    assert_eq!((json["failure"]["code"].as_str(), json["error_message"].as_str()), (Some("safe_mode"), Some("maintenance until noon")));
    assert!(matches!(ade_core::lease::claim::<Run>(&stack.tables, run.run_id).await.unwrap(), ade_core::lease::Claim::NothingToDo));
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

    let status = |s| ListRuns { statuses: BTreeSet::from([s]), ..ListRuns::default() };
    let wanted = [
        ListRuns::default(),
        status(RunStatus::Failed),
        status(RunStatus::Succeeded),
        ListRuns { statuses: BTreeSet::from([RunStatus::Failed, RunStatus::Queued]), ..ListRuns::default() },
        ListRuns { config_id: Some(one), ..ListRuns::default() },
        ListRuns { config_id: Some(one), ..status(RunStatus::Failed) },
        ListRuns { document_id: Some(document.document_id), ..ListRuns::default() },
        ListRuns { document_id: Some(document.document_id), config_id: Some(other), ..ListRuns::default() },
        ListRuns { submitted_by: Some("key_nobody".to_owned()), ..ListRuns::default() },
        ListRuns { created_before: Some(all[10].created), ..ListRuns::default() },
    ];
    for filter in wanted {
        let expected: Vec<_> = all
            .iter()
            .filter(|run| {
                (filter.statuses.is_empty() || filter.statuses.contains(&run.status))
                    && filter.config_id.is_none_or(|config| config == run.config_id)
                    && filter.document_id.is_none_or(|id| run.input_documents.iter().any(|d| d.document_id == id))
                    && filter.submitted_by.as_ref().is_none_or(|id| *id == run.submitted_by.id)
                    && filter.created_before.is_none_or(|before| run.created < before)
            })
            .map(|run| run.run_id)
            .collect();
        for limit in [1, 2, 7, 200] {
            let listed: Vec<_> = list(&stack, &filter, limit).await.iter().map(|run| run.run_id).collect();
            assert_eq!(listed, expected, "{filter:?} by {limit}");
        }
    }
    let elsewhere = stack.runs.list(
        ade_core::id::WorkspaceId::generate(),
        ListRuns { config_id: Some(one), ..ListRuns::default() },
        PageRequest { limit: 50, cursor: None },
    );
    assert!(elsewhere.await.unwrap().items.is_empty(), "another workspace's runs are not listed");
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
