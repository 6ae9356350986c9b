//! What `EventBridge` Scheduler does: functions that are invoked again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::invocation::Invocation;
use super::pool::Pool;

/// A function that is invoked at once and then again and again, with an empty event. A call that takes longer than the pause delays the
/// next one: there is never more than one.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The function.
    pub function: String,
    /// The pause between two calls.
    pub every: Duration,
}

/// Invokes the function until the host stops.
pub(super) async fn follow(schedule: Schedule, pool: Arc<Pool>, stop: CancellationToken) {
    let mut ticks = interval(schedule.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            // The call ends by itself when the host stops.
            () = stop.cancelled() => return,
            answer = pool.invoke(Invocation::new("{}"), pool.spec.timeout) => {
                if let Err(error) = answer {
                    tracing::error!(function = schedule.function, %error, "a scheduled call failed");
                }
            }
        }
    }
}
