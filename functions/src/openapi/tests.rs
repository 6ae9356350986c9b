//! The document is tested from two sides: against the handlers it comes from, and against what they read and write.

#![allow(clippy::unwrap_used)]

mod drift;
mod schemas;
mod strategies;
