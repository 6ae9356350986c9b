//! Keeps a lease while the work under it goes on.

use ade_core::lease::{Executable, HEARTBEAT, LEASE, Lease, LeaseError, SAFETY};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use crate::halt::{Brake, Halt};

/// Renews a lease until it is dropped, and pulls the brake when the work must stop: on request, when its time is up, and in time
/// before a lease that can't be renewed ends.
#[derive(Debug)]
pub struct Keeper {
    task: JoinHandle<()>,
}

impl Keeper {
    /// Starts to renew `lease`, which was claimed at `claimed`; the work ends at `until`.
    pub fn start<R: Executable>(lease: Lease<R>, record: &R, claimed: Instant, until: Instant, brake: Brake) -> Self {
        // Somebody may have asked for the end of an attempt that was given back before it heard of it.
        if record.execution().cancel_requested {
            brake.pull(Halt::Canceled);
        }
        let task = tokio::spawn(async move {
            let time_is_up = async {
                sleep_until(until).await;
                brake.pull(Halt::Timeout);
                // The lease is needed until the end of the work has been written down.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = renew(&lease, claimed, &brake) => {}
                () = time_is_up => {}
            }
        });
        Self { task }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Renews until the lease is lost.
async fn renew<R: Executable>(lease: &Lease<R>, claimed: Instant, brake: &Brake) {
    let mut renewed = claimed;
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.tick().await;
    loop {
        beat.tick().await;
        let asked = Instant::now();
        match timeout_at(renewed + LEASE - SAFETY, lease.heartbeat()).await {
            Ok(Ok(answer)) => {
                renewed = asked;
                if answer.cancel_requested {
                    brake.pull(Halt::Canceled);
                }
            }
            Ok(Err(LeaseError::Store(error))) => tracing::warn!(%error, "lease not renewed yet"),
            Ok(Err(LeaseError::Lost)) => {
                tracing::warn!("the lease was lost to another owner");
                return brake.pull(Halt::LeaseLost);
            }
            Err(_) => {
                tracing::error!("the lease could not be renewed in time");
                return brake.pull(Halt::LeaseLost);
            }
        }
    }
}
