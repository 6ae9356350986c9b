//! What runs and builds have in common: claiming the record, keeping the lease, and giving the record back.

use std::time::Duration;

use ade_core::Ade;
use ade_core::eventlog::FailureCode;
use ade_core::lease::{Claim, Cut, Executable, Lease, LeaseError, cut, read};
use ade_core::store::StoreError;
use tokio::time::Instant;
use tracing::Span;
use tracing::field::display;

use crate::halt::Brake;
use crate::keeper::Keeper;
use crate::stop::{Failed, Stop};

/// Looks at a record that changes whenever it is to be ended, before that is left to the reaper.
const LOOKS: u32 = 5;

/// Ends a record of ours as failed, without what its work would have left; the id of the completed event. Nothing changes when its end was
/// written down already and only the answer to that was lost, or when it is not ours any more. Should this fail, the reaper does it.
async fn end<R: Executable>(ade: &Ade, lease: &Lease<R>, id: R::Id, failed: Failed) -> Result<Option<u64>, StoreError> {
    let why = Cut { failure: failed.failure, message: failed.message };
    for _ in 0..LOOKS {
        let Some(record) = read::<R>(&ade.tables, id).await?.filter(|record| record.execution().fence == lease.fence()) else {
            return Ok(None);
        };
        if record.status_word() == R::QUEUED {
            return Ok(None);
        }
        if record.is_over() {
            return Ok(Some(record.execution().last_event_id));
        }
        // It may have changed while it was looked at: a late commit, or somebody's wish to cancel it.
        if let Some(ended) = cut(&ade.tables, &record, &why).await? {
            return Ok(Some(ended.execution().last_event_id));
        }
    }
    Ok(None)
}

/// Claims a record, if it waits for an owner, and does `work` on it for as long as its lease can be kept: until `deadline` at the
/// latest, and not longer than `timeout` says, which may ask storage. Returns the id of the completed event when `work` finished the record.
pub async fn own<R: Executable, W: Future<Output = Result<R, Stop>>>(
    ade: &Ade,
    claim: impl Future<Output = Result<Claim<R>, StoreError>>,
    deadline: Instant,
    timeout: impl AsyncFnOnce(&R) -> Result<Duration, StoreError>,
    work: impl FnOnce(Lease<R>, R, Brake) -> W,
) -> Result<Option<u64>, StoreError> {
    let claimed = Instant::now();
    let won = match claim.await? {
        Claim::Won(won) => won,
        Claim::Waits => {
            tracing::info!("its workspace has no slot for it: it waits");
            return Ok(None);
        }
        Claim::NothingToDo => {
            tracing::info!("nothing to do: it does not wait for an owner");
            return Ok(None);
        }
    };
    let (lease, record) = *won;
    let span = Span::current();
    span.record("workspace_id", display(record.workspace())).record("trace_id", record.trace_id());
    tracing::info!(attempt = record.execution().attempt, fence = lease.fence(), "claimed");
    let brake = Brake::default();
    let worked = match timeout(&record).await {
        Ok(timeout) => {
            let keeper = Keeper::start(lease.clone(), &record, claimed, deadline.min(claimed + timeout), brake.clone());
            // Work is large: it holds every call to storage that it may be waiting for.
            let worked = Box::pin(work(lease.clone(), record.clone(), brake)).await;
            drop(keeper);
            worked
        }
        Err(error) => Err(error.into()),
    };
    match worked {
        Ok(finished) => {
            tracing::info!(status = finished.status_word(), "finished");
            Ok(Some(finished.execution().last_event_id))
        }
        Err(Stop::Storage(error)) => {
            tracing::warn!(%error, "storage failed for too long: given back");
            let attempt = record.execution().attempt;
            if attempt >= ade.settings.max_attempts {
                let message = format!("storage failed for too long, in each of {attempt} attempts");
                return end(ade, &lease, record.id(), Failed::new(FailureCode::Internal, "storage", message)).await;
            }
            match lease.give_back(&record).await {
                Ok(()) | Err(LeaseError::Lost) => Ok(None),
                Err(LeaseError::Store(error)) => Err(error),
            }
        }
        Err(Stop::Failed(failed)) => {
            tracing::error!(code = failed.failure.code.word(), stage = failed.failure.stage, "could not be ended as others are");
            end(ade, &lease, record.id(), failed).await
        }
        Err(stop @ Stop::Halted(_)) => {
            tracing::warn!(%stop, "left to its next owner");
            Ok(None)
        }
    }
}
