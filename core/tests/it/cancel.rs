//! Ending what waits at once, and asking for the end of what is worked on.

use ade_core::build::BuildStatus;
use ade_core::eventlog::{Failure, FailureCode};
use ade_core::lease::{CancelError, Claim, Cut, cut, take_back};
use ade_core::run::RunStatus;
use ade_core::time::Timestamp;

use crate::builds::{claimed, config, create, new};
use crate::lease::{outcome, won};
use crate::stack::TestStack;

#[tokio::test]
async fn a_queued_run_ends_at_once_and_for_good() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let canceled = stack.runs.cancel(run.clone()).await.unwrap();
    assert_eq!((canceled.status, canceled.outcome.failure.as_ref().unwrap().code), (RunStatus::Canceled, FailureCode::CanceledByUser));
    assert_eq!((canceled.execution.last_event_id, canceled.completed_event().unwrap().id), (2, 2));
    assert!(canceled.execution.due_at.is_none() && canceled.execution.due_shard.is_none() && canceled.finished.is_some());
    assert!(matches!(stack.runs.claim(run.run_id).await.unwrap(), Claim::NothingToDo));
    // Asked by somebody who has read it earlier, or again.
    assert_eq!(stack.runs.cancel(run).await.unwrap(), canceled);
    assert_eq!(stack.runs.cancel(canceled.clone()).await.unwrap(), canceled);
}

#[tokio::test]
async fn a_running_run_is_asked_and_a_finished_one_is_left_alone() {
    let stack = TestStack::start().await;
    let (lease, running) = won(&stack, &stack.run().await).await;
    assert!(!lease.heartbeat().await.unwrap().cancel_requested);
    let asked = stack.runs.cancel(running.clone()).await.unwrap();
    assert_eq!((asked.status, asked.execution.cancel_requested), (RunStatus::Running, true));
    assert!(lease.heartbeat().await.unwrap().cancel_requested);
    assert!(stack.runs.cancel(running.clone()).await.unwrap().execution.cancel_requested);
    // The next owner of a run that is given back hears of it too.
    lease.give_back(&running).await.unwrap();
    let (lease, running) = won(&stack, &running).await;
    assert!(running.execution.cancel_requested);

    let status = RunStatus::Succeeded;
    let finished = stack.runs.finish(&lease, &running, 1, status, outcome(status)).await.unwrap();
    assert!(matches!(stack.runs.cancel(running).await, Err(CancelError::Over("succeeded"))));
    assert_eq!(stack.runs.get(finished.run_id).await.unwrap().unwrap(), finished);
}

#[tokio::test]
async fn what_is_over_is_neither_ended_again_nor_queued_again() {
    let stack = TestStack::start().await;
    let (lease, running) = won(&stack, &stack.run().await).await;
    let status = RunStatus::Succeeded;
    let finished = stack.runs.finish(&lease, &running, 1, status, outcome(status)).await.unwrap();
    // By somebody who has just read it.
    let failure = Failure { code: FailureCode::Internal, stage: "storage".to_owned() };
    let lost = Cut { failure, message: "storage failed".to_owned() };
    assert!(cut(&stack.tables, &finished, &lost).await.unwrap().is_none());
    assert!(take_back(&stack.tables, &finished, Timestamp::now()).await.unwrap().is_none());
    assert_eq!(stack.runs.get(finished.run_id).await.unwrap().unwrap(), finished);
}

#[tokio::test]
async fn a_cancel_that_meets_a_claim_is_not_lost() {
    let stack = TestStack::start().await;
    for _ in 0..40 {
        let run = stack.run().await;
        let (canceled, claimed) = tokio::join!(stack.runs.cancel(run.clone()), stack.runs.claim(run.run_id));
        let stored = stack.runs.get(run.run_id).await.unwrap().unwrap();
        assert_eq!(stored.execution.cancel_requested, canceled.unwrap().execution.cancel_requested);
        match claimed.unwrap() {
            Claim::Won(won) => assert!(won.0.heartbeat().await.unwrap().cancel_requested),
            _ => assert_eq!(stored.status, RunStatus::Canceled),
        }
    }
}

#[tokio::test]
async fn a_queued_build_gives_its_place_free() {
    let stack = TestStack::start().await;
    let config = config(&stack, "A = 1\n").await;
    let build = new(create(&stack, &config, false).await);
    let canceled = stack.builds.cancel(build.clone()).await.unwrap();
    assert_eq!((canceled.status, canceled.execution.last_event_id), (BuildStatus::Canceled, 2));
    assert_eq!(stack.configs.get(config.config_id).await.unwrap().unwrap().building_build_id, None);
    assert_eq!(stack.builds.cancel(build).await.unwrap(), canceled);

    let build = new(create(&stack, &config, false).await);
    let (lease, building) = claimed(&stack, &build).await;
    assert_eq!(stack.builds.cancel(building).await.unwrap().status, BuildStatus::Building);
    assert!(lease.heartbeat().await.unwrap().cancel_requested);
    let place = stack.configs.get(config.config_id).await.unwrap().unwrap().building_build_id;
    assert_eq!(place, Some(build.build_id), "its place is free when it has ended");
}
