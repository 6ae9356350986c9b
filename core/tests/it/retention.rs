//! What is kept no longer goes, with everything that belongs to it, and nothing else. Each test looks into the bucket afterwards.

use std::collections::HashMap;
use std::time::Duration;

use ade_core::build::BuildStatus;
use ade_core::id::{DocumentId, RunId};
use ade_core::layout;
use ade_core::retention::{Mode, Policy, Position, Removed, Sweeper, Swept};
use ade_core::run::{Retry, RetryBuild, Run, RunStatus};
use ade_core::store::table::{DOCUMENTS, RUNS};
use ade_core::time::Timestamp;
use ade_core::workspace::{ChangeWorkspace, WorkspaceSettings};
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::time::Instant;

use crate::builds::{active, claimed, config, create, new};
use crate::lease::{outcome, won};
use crate::stack::{TestStack, submitter};

const DAY: Duration = Duration::from_hours(24);
const POLICY: Policy =
    Policy { runs: Some(DAY.saturating_mul(30)), documents: Some(DAY.saturating_mul(60)), archives: Some(DAY), deleted: DAY };

fn sweeper(stack: &TestStack, policy: Policy) -> Sweeper {
    Sweeper::new(stack.tables.clone(), stack.objects.clone(), stack.documents.clone(), policy)
}

/// A whole sweep as it would be so much later, and the same in turns of one page each.
async fn sweep(sweeper: &Sweeper, mode: Mode, later: Duration) -> Swept {
    let (mut total, mut from) = (Swept::default(), None);
    loop {
        // Time is up after one page, so that every position is stored and read again.
        let turn = sweeper.turn(mode, from, Timestamp::now() + later, Instant::now()).await.unwrap();
        let add = |sum: &mut Removed, more: Removed| (sum.count, sum.bytes) = (sum.count + more.count, sum.bytes + more.bytes);
        add(&mut total.runs, turn.swept.runs);
        add(&mut total.documents, turn.swept.documents);
        add(&mut total.archives, turn.swept.archives);
        total.expired += turn.swept.expired;
        total.failed += turn.swept.failed;
        match turn.next {
            Some(next) => from = Some(Position::decode(&next.encode()).unwrap()),
            None => return total,
        }
    }
}

async fn keys(stack: &TestStack) -> Vec<String> {
    let mut keys: Vec<String> = stack.objects.list("", None, 10_000).await.unwrap().into_iter().map(|object| object.key).collect();
    keys.sort();
    keys
}

/// A workspace that is there.
async fn stack() -> TestStack {
    let mut stack = TestStack::start().await;
    let workspaces = ade_core::workspace::Workspaces::new(stack.tables.clone());
    stack.workspace = workspaces.create("Test", None).await.unwrap().workspace_id;
    stack
}

/// Puts ten bytes of each kind that a run leaves.
async fn leave(stack: &TestStack, run: RunId, document: DocumentId) -> [String; 3] {
    let keys = [layout::run_input(run, document, "x.csv"), layout::run_artifact(run, 1), format!("{}x.csv", layout::run_output(run, 1))];
    for key in &keys {
        stack.objects.put(key, b"0123456789".to_vec()).await.unwrap();
    }
    keys
}

async fn finished(stack: &TestStack, run: &Run) -> Run {
    let (lease, record) = won(stack, run).await;
    stack.runs.finish(&lease, &record, 1, RunStatus::Succeeded, outcome(RunStatus::Succeeded)).await.unwrap()
}

#[tokio::test]
async fn old_runs_go_and_those_that_somebody_needs_stay() {
    let stack = stack().await;
    let sweeper = sweeper(&stack, POLICY);
    let (old, repeated, under_way) = (stack.run().await, stack.run().await, stack.run().await);
    let mut kept = Vec::new();
    for run in [&old, &repeated] {
        finished(&stack, run).await;
        let left = leave(&stack, run.run_id, run.input_documents[0].document_id).await;
        if run.run_id == repeated.run_id {
            kept.extend(left);
        }
    }
    won(&stack, &under_way).await;
    kept.extend(leave(&stack, under_way.run_id, under_way.input_documents[0].document_id).await);
    let original = stack.runs.get(repeated.run_id).await.unwrap().unwrap();
    let retry = Retry { build: RetryBuild::Same, submitted_by: submitter(), trace_id: "trace".to_owned() };
    let repeat = stack.runs.retry(&original, retry, None).await.unwrap();

    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 29).await, Swept::default(), "nothing is old yet");
    let expected = Swept { runs: Removed { count: 1, bytes: 30 }, ..Swept::default() };
    let everything = keys(&stack).await;
    assert_eq!(sweep(&sweeper, Mode::Preview, DAY * 31).await, expected);
    assert_eq!(keys(&stack).await, everything, "a preview changes nothing");
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 31).await, expected);
    assert_eq!(stack.runs.get(old.run_id).await.unwrap(), None);
    kept.sort();
    assert_eq!(keys(&stack).await, kept);
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 31).await, Swept::default(), "once is enough");

    // When the one that needed it is over, it goes as well. So does nothing that is still under way.
    finished(&stack, &repeat).await;
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 31).await.runs.count, 2);
    assert_eq!(stack.runs.get(under_way.run_id).await.unwrap().unwrap().status, RunStatus::Running);
    assert_eq!(keys(&stack).await.len(), 3);
}

#[tokio::test]
async fn a_workspace_may_keep_things_for_a_shorter_time_only() {
    let stack = stack().await;
    let sweeper = sweeper(&stack, POLICY);
    let workspaces = ade_core::workspace::Workspaces::new(stack.tables.clone());
    let decide = async |runs, documents| {
        let workspace = workspaces.get(stack.workspace).await.unwrap().unwrap();
        let settings = WorkspaceSettings { run_retention_days: runs, document_retention_days: documents, ..WorkspaceSettings::default() };
        workspaces.update(&workspace, ChangeWorkspace { settings: Some(settings), ..ChangeWorkspace::default() }).await.unwrap();
    };
    let run = stack.run().await;
    finished(&stack, &run).await;
    let count = async |days| {
        let swept = sweep(&sweeper, Mode::Preview, DAY * days).await;
        (swept.runs.count, swept.expired)
    };
    assert_eq!((count(29).await, count(31).await, count(61).await), ((0, 0), (1, 0), (1, 1)));
    decide(Some(7), Some(40)).await;
    assert_eq!((count(6).await, count(8).await, count(41).await), ((0, 0), (1, 0), (1, 1)));
    decide(Some(300), Some(300)).await;
    assert_eq!((count(29).await, count(31).await, count(61).await), ((0, 0), (1, 0), (1, 1)), "not longer than the installation");
    decide(None, None).await;
    assert_eq!(count(29).await, (0, 0));
    // Where the installation keeps everything, a workspace need not.
    let lenient = Sweeper::new(stack.tables.clone(), stack.objects.clone(), stack.documents.clone(), Policy { runs: None, ..POLICY });
    assert_eq!(sweep(&lenient, Mode::Preview, DAY * 31).await.runs.count, 0);
    decide(Some(7), None).await;
    assert_eq!(sweep(&lenient, Mode::Preview, DAY * 31).await.runs.count, 1);
}

#[tokio::test]
async fn many_old_runs_go_page_by_page() {
    let stack = stack().await;
    let sweeper = sweeper(&stack, POLICY);
    for _ in 0..120 {
        let run = stack.run().await;
        stack.runs.cancel(run).await.unwrap();
    }
    for mode in [Mode::Preview, Mode::Apply] {
        assert_eq!(sweep(&sweeper, mode, DAY * 31).await.runs.count, 120);
    }
    // In one go, from where the last round ended.
    assert_eq!(sweeper.go_on(Timestamp::now() + DAY * 31, Instant::now() + DAY).await.unwrap(), Swept::default());
}

#[tokio::test]
async fn documents_go_when_they_were_deleted_not_uploaded_or_are_old() {
    let stack = stack().await;
    let sweeper = sweeper(&stack, POLICY);
    let (usable, deleted, needed) = (stack.document("a.csv").await, stack.document("b.csv").await, stack.document("c.csv").await);
    let announced =
        ade_core::document::NewDocument { name: "d".to_owned(), byte_size: 3, content_type: "text/csv".to_owned(), sha256: None };
    let pending = stack.documents.create(stack.workspace, announced, submitter()).await.unwrap();
    for document in [&usable, &deleted, &needed, &pending] {
        stack.objects.put(&document.object_key(), b"abc".to_vec()).await.unwrap();
    }
    let run = stack.runs.create(stack.new_run(ade_core::id::ConfigId::generate(), vec![needed.clone()])).await.unwrap();
    for document in [&deleted, &needed] {
        stack.documents.delete(document.document_id).await.unwrap();
    }
    // An upload has a day, what was deleted a week.
    let one = |count, bytes| Swept { documents: Removed { count, bytes }, ..Swept::default() };
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY / 2).await, Swept::default());
    for mode in [Mode::Preview, Mode::Apply] {
        assert_eq!(sweep(&sweeper, mode, DAY * 2).await, one(1, 3), "the one that nobody uploaded");
    }
    let complete = stack.documents.mark_ready(&pending, &"0".repeat(64)).await;
    assert!(matches!(complete, Err(ade_core::document::CompleteError::Gone)), "{complete:?}");
    for mode in [Mode::Preview, Mode::Apply] {
        assert_eq!(sweep(&sweeper, mode, DAY * 8).await, one(1, 3), "the one that was deleted and no run needs");
    }
    assert_eq!(keys(&stack).await, {
        let mut keys = [usable.object_key(), needed.object_key()];
        keys.sort();
        keys
    });
    finished(&stack, &run).await;
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 10).await, one(1, 3));

    // An old document is as if it had been deleted, and goes later.
    let expiring = Swept { expired: 1, runs: Removed { count: 1, bytes: 0 }, ..Swept::default() };
    assert_eq!(sweep(&sweeper, Mode::Preview, DAY * 61).await, expiring);
    assert!(stack.documents.get(usable.document_id).await.unwrap().is_some());
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 61).await, expiring);
    assert_eq!(stack.documents.get(usable.document_id).await.unwrap(), None);
    assert_eq!(keys(&stack).await, [usable.object_key()]);
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 8).await, one(1, 3));
    assert_eq!(keys(&stack).await, [""; 0]);
}

#[tokio::test]
async fn archives_go_that_are_not_used_and_are_built_again() {
    let stack = stack().await;
    let sweeper = sweeper(&stack, POLICY);
    let config = config(&stack, "A = 1\n").await;
    let mut builds = Vec::new();
    for _ in 0..3 {
        let build = new(create(&stack, &config, true).await);
        let (lease, record) = claimed(&stack, &build).await;
        builds.push(stack.builds.finish(&lease, &record, 2, active()).await.unwrap());
        stack.objects.put(&layout::build_archive(build.build_id), b"x".to_vec()).await.unwrap();
    }
    let expected = Swept { archives: Removed { count: 2, bytes: 2 }, ..Swept::default() };
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY / 2).await, Swept::default());
    for mode in [Mode::Preview, Mode::Apply] {
        assert_eq!(sweep(&sweeper, mode, DAY * 2).await, expected);
    }
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 2).await, Swept::default());
    let archives: Vec<String> = keys(&stack).await.into_iter().filter(|key| key.starts_with("builds/")).collect();
    assert_eq!(archives, [layout::build_archive(builds[2].build_id)], "the active one stays");
    let first = stack.builds.get(builds[0].build_id).await.unwrap().unwrap();
    assert_eq!((first.status, first.archive), (BuildStatus::Active, None), "what it was is still known");
}

#[tokio::test]
async fn what_is_left_of_a_deleted_workspace_goes() {
    let stack = stack().await;
    let forever = Policy { runs: None, documents: None, archives: None, deleted: DAY };
    let sweeper = sweeper(&stack, forever);
    let run = stack.run().await;
    finished(&stack, &run).await;
    leave(&stack, run.run_id, run.input_documents[0].document_id).await;
    let document = stack.document("a.csv").await;
    stack.objects.put(&document.object_key(), b"abc".to_vec()).await.unwrap();
    let workspaces = ade_core::workspace::Workspaces::new(stack.tables.clone());
    let workspace = workspaces.get(stack.workspace).await.unwrap().unwrap();
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY * 1000).await, Swept::default(), "kept for ever");
    workspaces.delete(&workspace, false).await.unwrap();
    assert_eq!(sweep(&sweeper, Mode::Apply, DAY / 2).await, Swept::default());
    let expected = Swept { runs: Removed { count: 1, bytes: 30 }, documents: Removed { count: 2, bytes: 3 }, ..Swept::default() };
    for mode in [Mode::Preview, Mode::Apply] {
        assert_eq!(sweep(&sweeper, mode, DAY * 2).await, expected);
    }
    assert_eq!(keys(&stack).await, [""; 0]);
    assert_eq!(sweep(&sweeper, Mode::Preview, DAY * 2).await, Swept::default());
}

#[test]
fn what_is_no_position_is_refused() {
    for text in ["", "x", "e30", "eyJEdWUiOnsic2hhcmQiOjk5LCJhZnRlciI6bnVsbH19"] {
        assert!(Position::decode(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn what_nobody_can_read_keeps_nothing_else_from_going() {
    let stack = stack().await;
    let (broken, behind) = (stack.run().await, stack.run().await);
    for run in [&broken, &behind] {
        finished(&stack, run).await;
    }
    let document = stack.document("a.csv").await.document_id;
    // As a later version might have written it.
    let table = stack.tables.name(&DOCUMENTS);
    let key = HashMap::from([("document_id".to_owned(), AttributeValue::S(document.to_string()))]);
    let change = stack.tables.client().update_item().table_name(table).set_key(Some(key)).update_expression("SET byte_size = :what");
    change.expression_attribute_values(":what", AttributeValue::S("many".to_owned())).send().await.unwrap();
    let run = stack.tables.client().update_item().table_name(stack.tables.name(&RUNS));
    let run = run.key("run_id", AttributeValue::S(broken.run_id.to_string())).key("item", AttributeValue::S("run".to_owned()));
    let run = run.update_expression("SET created = :what");
    run.expression_attribute_values(":what", AttributeValue::S("long ago".to_owned())).send().await.unwrap();

    let swept = sweep(&sweeper(&stack, POLICY), Mode::Apply, DAY * 61).await;
    assert!(swept.failed > 0, "{swept:?}");
    assert_eq!(stack.runs.get(behind.run_id).await.unwrap(), None);
}
