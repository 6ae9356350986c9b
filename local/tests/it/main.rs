//! Integration tests of the local stack, through its public doors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod embedded;
mod host;
mod stack;
