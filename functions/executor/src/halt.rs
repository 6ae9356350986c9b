//! Why work must stop, and learning of it.

use tokio::sync::watch;

/// Why work must stop before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// A person asked for it.
    Canceled,
    /// Its time is up.
    Timeout,
    /// The record is not ours any more, or soon may not be.
    LeaseLost,
    /// Its events can't be written any more.
    LogClosed,
}

/// Tells everybody who works on something to stop.
#[derive(Debug, Clone)]
pub struct Brake(watch::Sender<Option<Halt>>);

/// Where to learn that work must stop.
#[derive(Debug, Clone)]
pub struct Halts(watch::Receiver<Option<Halt>>);

impl Default for Brake {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Brake {
    /// Stops the work. The first reason stays, unless the record is lost: then nothing about it may be written any more.
    pub fn pull(&self, halt: Halt) {
        self.0.send_if_modified(|current| {
            let counts = current.is_none() || halt == Halt::LeaseLost;
            if counts {
                *current = Some(halt);
            }
            counts
        });
    }

    /// Where to learn of it.
    pub fn halts(&self) -> Halts {
        Halts(self.0.subscribe())
    }
}

impl Halts {
    /// Waits until work must stop; for ever when nobody is left who could say so.
    pub async fn next(&mut self) -> Halt {
        if let Ok(halt) = self.0.wait_for(Option::is_some).await
            && let Some(halt) = *halt
        {
            return halt;
        }
        std::future::pending().await
    }
}
