//! The core against embedded AWS: real `DynamoDB` and S3 protocols, in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod builds;
mod cancel;
mod eventlog;
mod events;
mod idempotency;
mod lease;
mod model;
mod read_units;
mod reaper;
mod retention;
mod runs;
mod slots;
mod stack;
