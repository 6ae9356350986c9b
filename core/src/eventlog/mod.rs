//! The event log of a run or build.
//!
//! # The idea
//!
//! Event ids are 1, 2, 3 … without gaps over the whole life of a record, whatever crashes on the way. The first event
//! (`*.created`) and the last (`*.completed`) are *derived from the record* by every reader and never stored, so there is
//! exactly one of each by construction. Everything between is stored in *segments*: immutable NDJSON objects in S3 named by
//! their last id and the writer's fence, `<prefix><last_id:012>-<fence:04>.ndjson`.
//!
//! A segment counts only once the record's `last_event_id` has been moved to its last id: the **commit point**. Writing is
//! therefore two steps, put then commit, and a crash between the two leaves an object that nobody ever shows.
//!
//! # Invariants
//!
//! - Readers never go past `last_event_id`, so everybody, the relay of a live stream included, sees committed events only.
//! - A new owner starts at `last_event_id + 1`, which the record remembers per fence. A replaced owner may go on writing
//!   segments for a while; readers drop its events from the next owner's first id on, and its commits fail on the fence.
//! - "After N" is one listing that starts after `<N:012>-~`: key order is id order.
//!
//! # What can fail
//!
//! A put whose answer is lost is repeated and answered with 412: same key, same fence, so it is ours and fine. A commit whose
//! answer is lost is repeated and finds the commit point already there. A writer that has lost its lease learns so from its
//! next commit and stops. A slow follower costs nothing but its own reads; nothing is pushed to it.

mod event;
mod reader;
mod segment;
mod writer;

pub use event::{BuildStep, Event, EventBody, EventObject, Failure, FailureCode, LogLevel, LogLine, LogStream, StepStatus, Subject};
pub use reader::{Follow, LogHead, LogPage, LogSource, PageLimits, follow, page, read_all};
pub use segment::{SegmentName, cut};
pub use writer::{Closed, LogWriter, WriterClosed};
