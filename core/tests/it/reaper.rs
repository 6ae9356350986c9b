//! Records whose owner is gone, and records that never found one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ade_core::build::{BuildStatus, CreatedBuild};
use ade_core::dispatch::{DispatchError, Dispatcher, Relay, Work};
use ade_core::eventlog::FailureCode;
use ade_core::id::{RunId, WorkspaceId};
use ade_core::lease::{Claim, Executable as _, LEASE, LeaseError, REDISPATCH};
use ade_core::reaper::{Reaped, Reaper};
use ade_core::run::{Run, RunStatus, Runs};
use ade_core::store::table::RUNS;
use ade_core::time::Timestamp;
use async_trait::async_trait;
use tokio::time::Instant;

use crate::builds::{claimed, config, create, new};
use crate::lease::won;
use crate::stack::TestStack;

/// Remembers what was sent.
#[derive(Default)]
pub(crate) struct Sent(Mutex<Vec<Work>>);

impl Sent {
    /// What was sent since the last time.
    fn take(&self) -> Vec<Work> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The runs among what was sent since the last time.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        let run = |work| if let Work::Run(run) = work { Some(run.run_id) } else { None };
        self.take().into_iter().filter_map(run).collect()
    }
}

#[async_trait]
impl Dispatcher for Sent {
    async fn send(&self, _: WorkspaceId, work: Work) -> Result<(), DispatchError> {
        self.0.lock().unwrap().push(work);
        Ok(())
    }

    async fn stream(&self, _: WorkspaceId, _: Work) -> Result<Relay, DispatchError> {
        Err(DispatchError("not here".to_owned()))
    }
}

struct Rounds {
    stack: TestStack,
    sent: Arc<Sent>,
    reaper: Reaper,
}

impl Rounds {
    async fn start() -> Self {
        let stack = TestStack::start().await;
        let sent = Arc::new(Sent::default());
        let reaper = Reaper::new(stack.tables.clone(), stack.runs.clone(), sent.clone(), 3);
        Self { stack, sent, reaper }
    }

    /// A round as it would be so much later.
    async fn round(&self, later: Duration) -> Reaped {
        self.reaper.reap(Timestamp::now() + later, Instant::now() + Duration::from_mins(1)).await.unwrap()
    }
}

#[tokio::test]
async fn a_run_that_was_never_claimed_is_dispatched_again_and_again() {
    let rounds = Rounds::start().await;
    let run = rounds.stack.run().await;
    assert_eq!(rounds.round(REDISPATCH / 2).await, Reaped::default(), "it is not due yet");
    let mut later = REDISPATCH + Duration::from_secs(1);
    // The pauses double up to a quarter of an hour, and a queued run is never given up.
    for minutes in [1, 2, 4, 8, 15, 15, 15] {
        let reaped = rounds.round(later).await;
        assert_eq!((reaped.due, reaped.dispatched), (1, 1), "after {later:?}");
        assert_eq!(rounds.sent.runs(), [run.run_id]);
        assert_eq!(rounds.round(later + Duration::from_secs(minutes * 60 - 5)).await.due, 0);
        later += Duration::from_mins(minutes) + Duration::from_secs(1);
    }
    let queued = rounds.stack.runs.get(run.run_id).await.unwrap().unwrap();
    assert_eq!((queued.status, queued.execution.attempt), (RunStatus::Queued, 1));
}

#[tokio::test]
async fn a_lost_run_is_tried_again_until_it_is_enough() {
    let rounds = Rounds::start().await;
    let run = rounds.stack.run().await;
    let after_lease = LEASE + Duration::from_secs(1);
    let mut owners = Vec::new();
    for attempt in 1..=3 {
        let (lease, record) = won(&rounds.stack, &run).await;
        assert_eq!(record.execution.attempt, attempt);
        lease.commit(u64::from(attempt) * 10).await.unwrap();
        assert_eq!(rounds.round(LEASE / 2).await.due, 0, "its owner may still be there");
        let reaped = rounds.round(after_lease).await;
        assert_eq!((reaped.taken_back, reaped.ended), if attempt < 3 { (1, 0) } else { (0, 1) });
        assert_eq!(rounds.sent.runs().len(), usize::from(attempt < 3));
        owners.push(lease);
    }
    let failed = rounds.stack.runs.get(run.run_id).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.outcome.failure.as_ref().unwrap().code), (RunStatus::Failed, FailureCode::ExecutorLost));
    assert_eq!((failed.execution.last_event_id, failed.completed_event().unwrap().id), (31, 31));
    for owner in owners {
        assert!(matches!(owner.heartbeat().await, Err(LeaseError::Lost)) && matches!(owner.commit(99).await, Err(LeaseError::Lost)));
    }
    assert_eq!(rounds.round(Duration::from_hours(9)).await, Reaped::default(), "it is over");
}

#[tokio::test]
async fn a_slow_owner_that_renews_keeps_its_run() {
    let rounds = Rounds::start().await;
    let (lease, record) = won(&rounds.stack, &rounds.stack.run().await).await;
    let expired = LEASE + Duration::from_secs(1);
    let (renewed, reaped) = tokio::join!(lease.heartbeat(), rounds.round(expired));
    let stored = rounds.stack.runs.get(record.run_id).await.unwrap().unwrap();
    // One of them was first, and the other one knows.
    assert_eq!(renewed.is_ok(), stored.status == RunStatus::Running || reaped.taken_back == 1);
    assert_eq!(lease.heartbeat().await.is_ok(), stored.status == RunStatus::Running);
}

#[tokio::test]
async fn what_somebody_wanted_to_end_ends_when_its_owner_is_lost() {
    let rounds = Rounds::start().await;
    let (_, record) = won(&rounds.stack, &rounds.stack.run().await).await;
    rounds.stack.runs.cancel(record.clone()).await.unwrap();
    assert_eq!(rounds.round(LEASE + Duration::from_secs(1)).await.ended, 1);
    assert_eq!(rounds.stack.runs.get(record.run_id).await.unwrap().unwrap().status, RunStatus::Canceled);

    let (lease, record) = won(&rounds.stack, &rounds.stack.run().await).await;
    rounds.stack.runs.cancel(record.clone()).await.unwrap();
    lease.give_back(&record).await.unwrap();
    assert_eq!(rounds.round(Duration::from_mins(2)).await.ended, 1);
    assert_eq!(rounds.stack.runs.get(record.run_id).await.unwrap().unwrap().status, RunStatus::Canceled);
}

#[tokio::test]
async fn a_run_that_waits_for_a_slot_is_not_dispatched_in_vain() {
    let mut rounds = Rounds::start().await;
    let safe_mode = ade_core::safe_mode::SafeMode::new(rounds.stack.tables.clone());
    rounds.stack.runs = ade_core::run::Runs::new(rounds.stack.tables.clone(), 1, safe_mode);
    rounds.reaper = Reaper::new(rounds.stack.tables.clone(), rounds.stack.runs.clone(), rounds.sent.clone(), 3);
    let (lease, record) = won(&rounds.stack, &rounds.stack.run().await).await;
    let waiting = rounds.stack.run().await;
    rounds.stack.runs.claim(waiting.run_id).await.unwrap();
    for _ in 0..3 {
        lease.heartbeat().await.unwrap();
        let reaped = rounds.round(Duration::from_secs(2)).await;
        assert_eq!(reaped.dispatched, 0);
    }
    // When the owner of the slot is lost for good, the one that waits starts.
    for attempt in 0..3 {
        rounds.round(REDISPATCH + Duration::from_secs(1)).await;
        let sent = rounds.sent.runs();
        if attempt == 2 {
            assert!(sent.contains(&waiting.run_id), "{sent:?}");
        } else {
            assert!(sent.contains(&record.run_id), "{sent:?}");
            won(&rounds.stack, &record).await;
        }
    }
}

#[tokio::test]
async fn runs_that_wait_for_a_slot_are_due_and_not_overdue() {
    let mut rounds = Rounds::start().await;
    let (tables, safe_mode) = (rounds.stack.tables.clone(), ade_core::safe_mode::SafeMode::new(rounds.stack.tables.clone()));
    rounds.stack.runs = Runs::new(tables.clone(), 1, safe_mode);
    rounds.reaper = Reaper::new(tables.clone(), rounds.stack.runs.clone(), rounds.sent.clone(), 3);
    let (_, record) = won(&rounds.stack, &rounds.stack.run().await).await;
    // Its owner lives on for longer than this test looks ahead.
    let renewed = Timestamp::now() + Duration::from_hours(1);
    let update = tables.update(&RUNS, Run::key(record.run_id)).set("lease_expires_at", renewed).unwrap().set("due_at", renewed).unwrap();
    update.send(tables.client()).await.unwrap();
    let waiting = rounds.stack.run().await;
    assert!(matches!(rounds.stack.runs.claim(waiting.run_id).await.unwrap(), Claim::Waits));

    let reaped = rounds.round(REDISPATCH + Duration::from_secs(1)).await;
    assert_eq!(reaped, Reaped { due: 1, waiting: 1, ..Reaped::default() });
    assert_eq!((reaped.overdue(), rounds.sent.runs()), (0, Vec::new()));
    rounds.stack.run().await;
    let free = Runs::new(tables.clone(), 2, ade_core::safe_mode::SafeMode::new(tables.clone()));
    let reaped = Reaper::new(tables, free, rounds.sent.clone(), 3)
        .reap(Timestamp::now() + Duration::from_mins(10), Instant::now() + Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!((reaped.waiting, reaped.overdue()), (0, 2), "with a free slot, somebody should have come for them: {reaped:?}");
}

#[tokio::test]
async fn a_lost_build_is_tried_again_and_frees_its_config() {
    let rounds = Rounds::start().await;
    let config = config(&rounds.stack, "A = 1\n").await;
    let build = new(create(&rounds.stack, &config, false).await);
    for attempt in 1..=3 {
        let (_, record) = claimed(&rounds.stack, &build).await;
        assert_eq!(record.execution.attempt, attempt);
        assert!(matches!(create(&rounds.stack, &config, false).await, CreatedBuild::InProgress(_)));
        rounds.round(LEASE + Duration::from_secs(1)).await;
        assert_eq!(rounds.sent.take().len(), usize::from(attempt < 3));
    }
    let failed = rounds.stack.builds.get(build.build_id).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.failure.unwrap().code), (BuildStatus::Failed, FailureCode::ExecutorLost));
    assert_eq!(rounds.stack.configs.get(config.config_id).await.unwrap().unwrap().building_build_id, None);
    new(create(&rounds.stack, &config, false).await);
}
