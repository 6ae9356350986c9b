//! What runs and builds have in common: claiming the record, keeping the lease, and giving the record back.

use std::time::Duration;

use ade_core::Ade;
use ade_core::lease::{Claim, Executable, Lease, LeaseError, claim};
use ade_core::store::StoreError;
use tokio::time::Instant;

use crate::halt::Brake;
use crate::keeper::Keeper;
use crate::stop::Stop;

/// Claims a record, if it waits for an owner, and does `work` on it for as long as its lease can be kept: until `deadline` at the
/// latest, and not longer than `timeout` says. Returns the id of the completed event when `work` finished the record.
pub async fn own<R: Executable, W: Future<Output = Result<R, Stop>>>(
    ade: &Ade,
    id: R::Id,
    deadline: Instant,
    timeout: impl FnOnce(&R) -> Duration,
    work: impl FnOnce(Lease<R>, R, Brake) -> W,
) -> Result<Option<u64>, StoreError> {
    let claimed = Instant::now();
    // Not tried again beyond what the SDK does: a second claim could not tell a lost answer to the first from another owner.
    let Claim::Won(won) = claim::<R>(&ade.tables, id).await? else {
        tracing::info!("nothing to do: it does not wait for an owner");
        return Ok(None);
    };
    let (lease, record) = *won;
    tracing::info!(attempt = record.execution().attempt, fence = lease.fence(), "claimed");
    let brake = Brake::default();
    let until = deadline.min(claimed + timeout(&record));
    let _keeper = Keeper::start(lease.clone(), &record, claimed, until, brake.clone());
    // Work is large: it holds every call to storage that it may be waiting for.
    match Box::pin(work(lease.clone(), record.clone(), brake)).await {
        Ok(finished) => {
            tracing::info!(status = finished.status_word(), "finished");
            Ok(Some(finished.execution().last_event_id))
        }
        Err(Stop::Storage(error)) => {
            tracing::warn!(%error, "storage failed for too long: given back");
            match lease.give_back(&record).await {
                Ok(()) | Err(LeaseError::Lost) => Ok(None),
                Err(LeaseError::Store(error)) => Err(error),
            }
        }
        Err(stop) => {
            tracing::warn!(%stop, "left to its next owner");
            Ok(None)
        }
    }
}
