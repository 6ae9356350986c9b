//! Trying again through faults that pass.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::store::StoreError;

/// The first pause between two tries; each one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// An error that may pass by itself.
pub trait Passing {
    /// Whether trying again may help.
    fn may_pass(&self) -> bool;
}

impl Passing for StoreError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Unavailable { .. })
    }
}

/// Tries an idempotent operation again through faults that pass, on top of what the SDK tries by itself. No try begins after
/// `deadline`, but for the first; the error of the last one is returned.
pub async fn outlast<T, E, F>(deadline: Instant, mut operation: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: Passing + Display,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match operation().await {
            Err(error) if error.may_pass() && Instant::now() + pause < deadline => {
                tracing::warn!(%error, "storage failed, trying again");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            settled => return settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    async fn tries(patience: Duration, mut answer: impl FnMut(u32) -> Result<(), StoreError>) -> (u32, Result<(), StoreError>) {
        let count = Cell::new(0);
        let settled = outlast(Instant::now() + patience, || {
            count.set(count.get() + 1);
            std::future::ready(answer(count.get()))
        });
        let settled = settled.await;
        (count.get(), settled)
    }

    #[tokio::test]
    async fn only_what_may_pass_is_tried_again_and_not_for_ever() {
        let throttled = || Err(StoreError::Throttled("slow down".to_owned()));
        let (count, settled) = tries(Duration::from_secs(15), |n| if n < 4 { throttled() } else { Ok(()) }).await;
        assert!(count == 4 && settled.is_ok());
        let (count, settled) = tries(FIRST_PAUSE * 2, |_| throttled()).await;
        assert!(count <= 2 && settled.is_err(), "the second pause would end too late");
        let (count, settled) = tries(Duration::from_secs(15), |_| Err(StoreError::Condition(None))).await;
        assert!(count == 1 && settled.is_err());
        assert_eq!(tries(Duration::ZERO, |_| throttled()).await.0, 1);
    }
}
