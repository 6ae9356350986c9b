//! Claims, fences and what a replaced owner can't do any more.

use ade_core::eventlog::{Failure, FailureCode};
use ade_core::lease::{Claim, Lease, LeaseError};
use ade_core::run::{Outcome, Report, Run, RunStatus};
use ade_core::store::StoreError;

use crate::stack::TestStack;

pub(crate) fn outcome(status: RunStatus) -> Outcome {
    Outcome {
        report: Report { exit_code: Some(0), ..Report::default() },
        failure: (status == RunStatus::Failed).then(|| Failure { code: FailureCode::EngineError, stage: "test".to_owned() }),
        output_paths: vec!["out.xlsx".to_owned()],
        ..Outcome::default()
    }
}

pub(crate) async fn won(stack: &TestStack, run: &Run) -> (Lease<Run>, Run) {
    match stack.runs.claim(run.run_id).await.unwrap() {
        Claim::Won(won) => *won,
        _ => panic!("the run was not claimable"),
    }
}

#[tokio::test]
async fn of_many_executors_one_claims() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let claims = (0..50).map(|_| stack.runs.claim(run.run_id));
    let won = futures::future::try_join_all(claims).await.unwrap().into_iter().filter(|claim| matches!(claim, Claim::Won(_))).count();
    assert_eq!(won, 1);
    let stored = stack.runs.get(run.run_id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.execution.fence, stored.execution.attempt), (RunStatus::Running, 1, 1));
    assert!(stored.execution.due_at.is_some() && stored.started.is_some());
}

#[tokio::test]
async fn what_storage_would_refuse_again_is_told_apart_from_what_may_pass() {
    let stack = TestStack::start().await;
    let (lease, record) = won(&stack, &stack.run().await).await;
    let status = RunStatus::Failed;
    // An item may have 400 KiB, a key 1024 bytes.
    let too_long = Outcome { error_message: Some("x".repeat(500_000)), ..outcome(status) };
    let finished = stack.runs.finish(&lease, &record, 1, status, too_long).await;
    assert!(matches!(&finished, Err(LeaseError::Store(StoreError::Refused { .. }))), "{finished:?}");
    let put = stack.objects.put(&"k".repeat(1025), bytes::Bytes::from_static(b"x")).await;
    assert!(matches!(&put, Err(StoreError::Refused { .. })), "{put:?}");
    let gone = stack.objects.put_file("key", std::path::Path::new("/nowhere/at/all"), None).await;
    assert!(matches!(&gone, Err(StoreError::Refused { .. })), "{gone:?}");
    lease.heartbeat().await.unwrap();
}

#[tokio::test]
async fn a_replaced_owner_can_change_nothing() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let (old, record) = won(&stack, &run).await;
    old.commit(5).await.unwrap();
    old.give_back(&record).await.unwrap();
    assert!(matches!(old.heartbeat().await, Err(LeaseError::Lost)), "a given back run has no owner");

    let (new, record) = won(&stack, &run).await;
    assert_eq!((new.fence(), new.first_id(), record.execution.attempt), (2, 6, 2));
    assert!(matches!(old.heartbeat().await, Err(LeaseError::Lost)));
    assert!(matches!(old.commit(9).await, Err(LeaseError::Lost)));
    assert!(matches!(
        stack.runs.finish(&old, &record, 9, RunStatus::Succeeded, outcome(RunStatus::Succeeded)).await,
        Err(LeaseError::Lost)
    ));
    assert!(matches!(old.give_back(&record).await, Err(LeaseError::Lost)));

    let finished = stack.runs.finish(&new, &record, 5, RunStatus::Failed, outcome(RunStatus::Failed)).await.unwrap();
    assert_eq!((finished.status, finished.execution.last_event_id), (RunStatus::Failed, 6));
    assert_eq!(finished.execution.due_at, None);
    assert!(matches!(stack.runs.claim(run.run_id).await.unwrap(), Claim::NothingToDo), "a finished run is final");
}

#[tokio::test]
async fn repeated_writes_of_the_owner_are_harmless() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let (lease, record) = won(&stack, &run).await;
    lease.commit(4).await.unwrap();
    lease.commit(4).await.unwrap();
    lease.commit(3).await.unwrap();
    let first = stack.runs.finish(&lease, &record, 4, RunStatus::Succeeded, outcome(RunStatus::Succeeded)).await.unwrap();
    let again = stack.runs.finish(&lease, &record, 4, RunStatus::Succeeded, outcome(RunStatus::Succeeded)).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(first.completed_event().unwrap().id, 5);
}

#[tokio::test]
async fn a_heartbeat_renews_and_tells_of_a_cancel_request() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let (lease, record) = won(&stack, &run).await;
    assert!(!lease.heartbeat().await.unwrap().cancel_requested);
    lease.send_note(lease.note().unwrap().set("cancel_requested", true).unwrap()).await.unwrap();
    assert!(lease.heartbeat().await.unwrap().cancel_requested);
    let renewed = stack.runs.get(run.run_id).await.unwrap().unwrap();
    assert!(renewed.execution.lease_expires_at >= record.execution.lease_expires_at);
}

#[tokio::test]
async fn claiming_nothing_is_nothing_to_do() {
    let stack = TestStack::start().await;
    assert!(matches!(stack.runs.claim(ade_core::id::RunId::generate()).await.unwrap(), Claim::NothingToDo));
}
