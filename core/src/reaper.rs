//! Looking after records that nobody looks after: the second half of the lease protocol ([`crate::lease`]).
//!
//! Every record that is not finished stands in the `due` index under the moment at which somebody must look at it: the end of its
//! lease while it is worked on, a time after its dispatch while it is queued. The reaper runs every minute and looks at what is due:
//!
//! - **An expired lease**: its owner is gone. The record goes back to the queue for another attempt; when there were enough of them it
//!   ends as `executor_lost`, and when somebody asked for its end as `canceled`.
//! - **Queued for too long**: its dispatch was lost, or is late. It is dispatched again, after pauses that double; a dispatch that
//!   arrives twice finds nothing to do. A run that waits for one of its workspace's slots is not dispatched in vain.
//!
//! Each change holds only while the record is as it was read, so several reapers may run at once, and an owner that is merely slow wins.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::build::Build;
use crate::dispatch::{Dispatcher, Work};
use crate::eventlog::{Failure, FailureCode};
use crate::lease::{Cut, DUE_SHARDS, Executable, REDISPATCH, cut, postpone, read, take_back};
use crate::run::{Run, Runs};
use crate::store::{StoreError, Tables};
use crate::time::Timestamp;

/// The longest pause between two dispatches of a queued record.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// Records looked at at a time.
const CONCURRENCY: usize = 8;

/// Looks after runs and builds.
pub struct Reaper {
    tables: Tables,
    runs: Runs,
    dispatcher: Arc<dyn Dispatcher>,
    max_attempts: u32,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reaped {
    /// Records that were due.
    pub due: u64,
    /// Queued runs that wait for one of their workspace's slots, as they should.
    pub waiting: u64,
    /// Dispatched again.
    pub dispatched: u64,
    /// Taken from owners that are gone, for another attempt.
    pub taken_back: u64,
    /// Ended.
    pub ended: u64,
    /// Could not be looked at; the next round tries again.
    pub failed: u64,
}

impl Reaped {
    /// Records that nobody looked after in time: neither those that had moved on nor those that wait as they should.
    pub fn overdue(&self) -> u64 {
        self.dispatched + self.taken_back + self.ended + self.failed
    }
}

/// What was done about one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Nothing,
    Waits,
    Dispatched,
    TakenBack,
    Ended,
}

impl Reaper {
    /// A reaper that lets a record be tried so many times.
    pub fn new(tables: Tables, runs: Runs, dispatcher: Arc<dyn Dispatcher>, max_attempts: u32) -> Self {
        Self { tables, runs, dispatcher, max_attempts }
    }

    /// Looks at everything that is due at `now`, until `deadline` at the latest.
    pub async fn reap(&self, now: Timestamp, deadline: Instant) -> Result<Reaped, StoreError> {
        let mut reaped = Reaped::default();
        self.reap_all::<Build>(now, deadline, &mut reaped).await?;
        self.reap_all::<Run>(now, deadline, &mut reaped).await?;
        Ok(reaped)
    }

    async fn reap_all<R: Executable>(&self, now: Timestamp, deadline: Instant, reaped: &mut Reaped) -> Result<(), StoreError> {
        for shard in DUE_SHARDS {
            let mut start = None;
            while Instant::now() < deadline {
                let (ids, more) = self.tables.due::<R::Id>(R::TABLE, shard, now, start).await?;
                let looks = ids.into_iter().map(|id| async move { (id, self.look_at::<R>(id, now).await) });
                let mut looks = stream::iter(looks).buffer_unordered(CONCURRENCY);
                while let Some((id, done)) = looks.next().await {
                    reaped.due += 1;
                    match done {
                        Ok(Done::Nothing) => {}
                        Ok(Done::Waits) => reaped.waiting += 1,
                        Ok(Done::Dispatched) => reaped.dispatched += 1,
                        Ok(Done::TakenBack) => reaped.taken_back += 1,
                        Ok(Done::Ended) => reaped.ended += 1,
                        Err(error) => {
                            tracing::error!(%error, %id, "a record that is due could not be looked at");
                            reaped.failed += 1;
                        }
                    }
                }
                start = more;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn look_at<R: Executable>(&self, id: R::Id, now: Timestamp) -> Result<Done, StoreError> {
        let Some(record) = read::<R>(&self.tables, id).await? else { return Ok(Done::Nothing) };
        let execution = record.execution();
        if execution.due_at.is_none_or(|due| due > now) {
            // It has moved on since the index was read.
            return Ok(Done::Nothing);
        }
        if record.status_word() == R::QUEUED {
            if execution.cancel_requested {
                return self.end(&record, &Cut::canceled("queued")).await;
            }
            return self.dispatch_again(&record, now).await;
        }
        if execution.cancel_requested {
            return self.end(&record, &Cut::canceled("executor")).await;
        }
        if execution.attempt >= self.max_attempts {
            let failure = Failure { code: FailureCode::ExecutorLost, stage: "executor".to_owned() };
            let message = format!("whoever worked on it disappeared, {} times", execution.attempt);
            return self.end(&record, &Cut { failure, message }).await;
        }
        let Some(queued) = take_back(&self.tables, &record, now + REDISPATCH).await? else { return Ok(Done::Nothing) };
        tracing::warn!(%id, attempt = execution.attempt, "its owner is gone: queued again");
        self.dispatch(&queued).await;
        Ok(Done::TakenBack)
    }

    async fn dispatch_again<R: Executable>(&self, record: &R, now: Timestamp) -> Result<Done, StoreError> {
        let doublings = record.execution().dispatches.min(8);
        let until = now + (REDISPATCH * 2u32.pow(doublings)).min(LONGEST_PAUSE);
        let Some(queued) = postpone(&self.tables, record, until).await? else { return Ok(Done::Nothing) };
        if matches!(record.work(), Work::Run(_)) && !self.runs.has_slot(record.workspace()).await? {
            return Ok(Done::Waits);
        }
        self.dispatch(&queued).await;
        Ok(Done::Dispatched)
    }

    async fn end<R: Executable>(&self, record: &R, why: &Cut) -> Result<Done, StoreError> {
        let was_working = record.status_word() == R::WORKING;
        let Some(ended) = cut(&self.tables, record, why).await? else { return Ok(Done::Nothing) };
        tracing::warn!(id = %ended.id(), code = ?why.failure.code, "ended: {}", why.message);
        if was_working {
            self.runs.start_waiting(self.dispatcher.as_ref(), ended.workspace()).await;
        }
        Ok(Done::Ended)
    }

    async fn dispatch<R: Executable>(&self, record: &R) {
        if let Err(error) = self.dispatcher.send(record.workspace(), record.work()).await {
            tracing::error!(%error, id = %record.id(), "it stays queued");
        }
    }
}
