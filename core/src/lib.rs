//! The domain of ADE: configs are *built* into frozen environments, builds are *run* on documents.
//!
//! Everything that the functions, the executor and the local host have in common lives here: the records and their
//! state machines, the `DynamoDB` and S3 layouts, the event log and the lease protocol that make a run survive crashes.
//! This crate knows no HTTP and no Lambda; how AWS is reached is in the environment ([`aws`]).
//!
//! A map for readers:
//!
//! - [`run`], [`build`], [`config`], [`document`], [`workspace`], [`key`]: one module per resource, each with its model
//!   (the stored item), store (conditional reads and writes) and service (what the API and the executor ask for).
//! - [`lease`]: who may change a record that is being executed, and how an old owner becomes harmless.
//! - [`eventlog`]: the append-only log of a run or build: segments in S3, one commit point in the record.
//! - [`reaper`]: looking after records that lost their owner or never found one. [`retry`]: outlasting faults that pass.
//! - [`confinement`]: what confines user code on executors. [`telemetry`], [`metrics`]: what functions say about themselves.
//! - [`store`], [`layout`]: the handles, table definitions and object names everything else uses.
//! - [`idempotency`]: doing what a request asks for once. [`safe_mode`]: recording work without executing it.
//! - [`access`]: who is asking, and what they may do. [`settings`]: everything that can be configured, declared once.

#![forbid(unsafe_code)]

pub mod access;
pub mod aws;
pub mod build;
pub mod config;
pub mod confinement;
pub mod dispatch;
pub mod document;
pub mod eventlog;
pub mod id;
pub mod idempotency;
pub mod key;
pub mod layout;
pub mod lease;
pub mod metrics;
pub mod reaper;
pub mod retention;
pub mod retry;
pub mod run;
pub mod safe_mode;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod workspace;

mod ade;

pub use ade::Ade;
