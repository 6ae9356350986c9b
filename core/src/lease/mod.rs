//! Who may change a record that is being executed.
//!
//! A run or build is executed by whoever *claimed* it. Lambda may start an execution late, twice or never, and a process may
//! be killed, frozen or cut off at any moment and come back later believing that it still owns the record. Three things make
//! that harmless:
//!
//! - **The fence.** Every claim raises `fence` by one, and every later write of the owner requires `fence = mine`. An owner
//!   that was replaced can't change the record any more, whatever it believes.
//! - **The lease.** The owner renews `lease_expires_at` with every heartbeat. When it has expired, somebody else (the reaper) may
//!   give the record back to the queue. An owner that could not renew in time stops by itself, [`SAFETY`] before that moment,
//!   so two engines of one run never work at the same time for longer than clocks disagree.
//! - **First ids.** A claim records the id of the first event it may write: one past the last committed one. What a replaced
//!   owner still writes to S3 under ids from there on is ignored by every reader ([`crate::eventlog`]).
//!
//! Each write is one conditional update. A failed condition may be our own earlier try whose answer was lost on the way, so
//! failed conditions return the old item: when it shows us as the owner in the wanted state, that is success.

mod outside;
mod owner;

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dispatch::Work;
use crate::eventlog::LogHead;
use crate::id::WorkspaceId;
use crate::store::{Item, StoreError, Table, Tables, Update};
use crate::time::Timestamp;

pub use outside::{CancelError, Cut, cancel, cut, postpone, take_back};
pub use owner::{Admission, Claim, Heartbeat, Lease, LeaseError, Unlimited, claim};

/// How long a claim or heartbeat keeps the record for its owner.
pub const LEASE: Duration = Duration::from_secs(20);
/// How often the owner renews.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long before the end of its lease an owner that could not renew stops by itself.
pub const SAFETY: Duration = Duration::from_secs(5);
/// When a record that nobody claimed is looked at again.
pub const REDISPATCH: Duration = Duration::from_mins(1);

/// The status of a record that ended without a result.
pub(crate) const FAILED: &str = "failed";
/// The status of a record that was ended on request.
pub(crate) const CANCELED: &str = "canceled";

/// Partitions of the `due` index: each takes as many writes as a partition can, and every heartbeat is one.
pub const DUE_SHARDS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

/// The partition of the `due` index that a record is in.
pub(crate) fn due_shard(id: impl Display) -> &'static str {
    // The last characters of an id are random.
    let last = id.to_string().bytes().next_back().unwrap_or_default();
    DUE_SHARDS[usize::from(last) % DUE_SHARDS.len()]
}

/// The first event id that the owner with this fence may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceStart {
    /// The owner's fence.
    pub fence: u32,
    /// Its first event id.
    pub first_id: u64,
}

/// The attributes of a record by which its execution is coordinated. Never shown by lists, never in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Counts executions, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// The number of claims so far.
    #[serde(default)]
    pub fence: u32,
    /// Where each claim's events start.
    #[serde(default)]
    pub fences: Vec<FenceStart>,
    /// The invocation that owns the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_owner: Option<String>,
    /// When its lease ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_expires_at: Option<Timestamp>,
    /// When somebody must look at the record; gone when it is finished (sparse index).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Partition of the `due` index; set while `due_at` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_shard: Option<String>,
    /// How often it was dispatched again since it was queued.
    #[serde(default)]
    pub dispatches: u32,
    /// Somebody asked for the end of the execution.
    #[serde(default)]
    pub cancel_requested: bool,
    /// Id of the last committed event; 1, the derived `*.created`, from the start.
    #[serde(default)]
    pub last_event_id: u64,
}

impl Execution {
    /// Of a record with this id that is created now and waits for its first claim.
    pub fn queued(id: impl Display, now: Timestamp) -> Self {
        Self {
            attempt: 1,
            fence: 0,
            fences: Vec::new(),
            lease_owner: None,
            lease_expires_at: None,
            due_at: Some(now + REDISPATCH),
            due_shard: Some(due_shard(id).to_owned()),
            dispatches: 0,
            cancel_requested: false,
            last_event_id: 1,
        }
    }

    /// Of a record that is created already finished: its log is just `*.created` and `*.completed`.
    pub fn finished() -> Self {
        Self { due_at: None, due_shard: None, last_event_id: 2, ..Self::queued("", Timestamp::default()) }
    }
}

/// A record that is executed under a lease: a run or a build.
pub trait Executable: DeserializeOwned + Clone + Send + Sync + 'static {
    /// Its id.
    type Id: Copy + Display + FromStr + Send + Sync + 'static;
    /// Where it is stored.
    const TABLE: &'static Table;
    /// Its status while it waits for an owner.
    const QUEUED: &'static str = "queued";
    /// Its status while an owner works on it.
    const WORKING: &'static str;

    /// The key of the record with this id.
    fn key(id: Self::Id) -> Item;
    /// Its id.
    fn id(&self) -> Self::Id;
    /// Its status as stored.
    fn status_word(&self) -> &'static str;
    /// Whether it is finished, and final.
    fn is_over(&self) -> bool {
        ![Self::QUEUED, Self::WORKING].contains(&self.status_word())
    }
    /// Its coordination attributes.
    fn execution(&self) -> &Execution;
    /// Its workspace.
    fn workspace(&self) -> WorkspaceId;
    /// The trace of the request that asked for it.
    fn trace_id(&self) -> &str;
    /// How its execution is asked for.
    fn work(&self) -> Work;
    /// What changes in other records when nobody works on this one any more.
    fn rest(&self, _tables: &Tables) -> Result<Vec<TransactWriteItem>, StoreError> {
        Ok(Vec::new())
    }
    /// What else changes in other records when this one ends without a result.
    fn release(&self, _tables: &Tables) -> Result<Vec<TransactWriteItem>, StoreError> {
        Ok(Vec::new())
    }
    /// Sets what changes together with the status, such as attributes that indexes are made of.
    fn set_status(&self, update: Update, status: &str) -> Result<Update, StoreError>;
    /// Its log, as readers need it.
    fn log_head(&self) -> LogHead;
}

/// Reads a record, consistently.
pub async fn read<R: Executable>(tables: &Tables, id: R::Id) -> Result<Option<R>, StoreError> {
    tables.get(R::TABLE, R::key(id)).await
}
