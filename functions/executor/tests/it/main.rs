//! The executor and the builder over real storage, with an engine that does what each test's document says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod builds;
mod hostile;
mod output;
mod runs;
mod stack;
