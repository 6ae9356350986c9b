//! What an owner does with a record: claim it, keep it, write it, finish it, give it back.

use std::marker::PhantomData;
use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use tokio::time::Instant;
use ulid::Ulid;

use super::{Executable, FenceStart, LEASE, due_shard, read};
use crate::retry::{Passing, outlast};
use crate::store::{Item, StoreError, Tables, Update};
use crate::time::Timestamp;

/// How long a claim is tried through faults that pass.
const PATIENCE: Duration = Duration::from_secs(5);
/// Half the pause before a record that was given back for the first time is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// What a claim led to.
#[derive(Debug)]
pub enum Claim<R> {
    /// The record is ours.
    Won(Box<(Lease<R>, R)>),
    /// It has to wait for something that others hold; whoever gives that free starts it.
    Waits,
    /// There is nothing to do: it is finished, or somebody else's, or gone. A dispatch may arrive twice or late.
    NothingToDo,
}

/// The right to change a claimed record.
#[derive(Debug, Clone)]
pub struct Lease<R> {
    tables: Tables,
    key: Item,
    owner: String,
    fence: u32,
    first_id: u64,
    record: PhantomData<fn() -> R>,
}

/// The fence moved on, or the record is gone: this owner must stop.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else owns the record now.
    #[error("the lease was lost to another owner")]
    Lost,
    /// Storage failed; trying again may help.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Passing for LeaseError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_pass())
    }
}

/// What a heartbeat learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Somebody asked for the end of the execution.
    pub cancel_requested: bool,
}

/// Who decides whether a record that is queued may be claimed now.
pub trait Admission<R>: Sync {
    /// What else must change in the transaction that claims the record; `None` when it has to wait. Asked `again` when such a transaction
    /// failed though the record itself could be claimed.
    fn admit(&self, record: &R, again: bool) -> impl Future<Output = Result<Option<Vec<TransactWriteItem>>, StoreError>> + Send;
}

/// Lets every record be claimed.
#[derive(Debug, Clone, Copy)]
pub struct Unlimited;

impl<R: Sync> Admission<R> for Unlimited {
    async fn admit(&self, _record: &R, _again: bool) -> Result<Option<Vec<TransactWriteItem>>, StoreError> {
        Ok(Some(Vec::new()))
    }
}

/// Claims a queued record, if it is admitted.
pub async fn claim<R: Executable>(tables: &Tables, id: R::Id, admission: &impl Admission<R>) -> Result<Claim<R>, StoreError> {
    let owner = Ulid::generate().to_string();
    let mut refused = false;
    let mut tried: Option<(u32, u64)> = None;
    loop {
        let Some(record) = read::<R>(tables, id).await? else {
            return Ok(Claim::NothingToDo);
        };
        let execution = record.execution();
        let (fence, first_id, now) = (execution.fence + 1, execution.last_event_id + 1, Timestamp::now());
        if let Some((fence, first_id)) = tried
            && execution.lease_owner.as_deref() == Some(&owner)
        {
            // Our own try, whose answer was lost.
            let lease = Lease { tables: tables.clone(), key: R::key(id), owner, fence, first_id, record: PhantomData };
            return Ok(Claim::Won(Box::new((lease, record))));
        }
        if record.status_word() != R::QUEUED {
            return Ok(Claim::NothingToDo);
        }
        // Otherwise something about the record changed (a cancel request, a late commit of an old owner): try again.
        refused = refused || tried == Some((fence, first_id));
        let Some(others) = admission.admit(&record, refused).await? else {
            return Ok(Claim::Waits);
        };
        let update = tables
            .update(R::TABLE, R::key(id))
            .set("lease_owner", &owner)?
            .set("lease_expires_at", now + LEASE)?
            .set("due_at", now + LEASE)?
            .set("due_shard", due_shard(id))?
            .set("fence", fence)?
            .append("fences", FenceStart { fence, first_id })?
            .set("started", now)?
            .when_equals("status", R::QUEUED)?
            .when_equals("fence", execution.fence)?
            .when_equals("last_event_id", execution.last_event_id)?;
        let mut items = vec![TransactWriteItem::builder().update(record.set_status(update, R::WORKING)?.into_transaction()?).build()];
        items.extend(others);
        let token = Ulid::generate().to_string();
        match outlast(Instant::now() + PATIENCE, || tables.transact(&token, items.clone())).await {
            // Whether it was ours is read from the record.
            Ok(()) | Err(StoreError::Condition(_)) => tried = Some((fence, first_id)),
            Err(error) => return Err(error),
        }
    }
}

impl<R: Executable> Lease<R> {
    /// This claim's number; part of the names of everything its owner writes.
    pub fn fence(&self) -> u32 {
        self.fence
    }

    /// The first event id that is ours to write.
    pub fn first_id(&self) -> u64 {
        self.first_id
    }

    /// Renews the lease.
    pub async fn heartbeat(&self) -> Result<Heartbeat, LeaseError> {
        let until = Timestamp::now() + LEASE;
        let update = self.owned()?.set("lease_expires_at", until)?.set("due_at", until)?;
        let item = update.send(self.tables.client()).await.map_err(lost)?;
        let record: R = serde_dynamo::from_item(item).map_err(StoreError::from)?;
        Ok(Heartbeat { cancel_requested: record.execution().cancel_requested })
    }

    /// An update for attributes that say how far the execution is, to be completed and sent with [`Self::send_note`].
    pub fn note(&self) -> Result<Update, StoreError> {
        self.owned()
    }

    /// Sends an update made with [`Self::note`] and returns the record as it is then.
    pub async fn send_note(&self, update: Update) -> Result<R, LeaseError> {
        let item = update.send(self.tables.client()).await.map_err(lost)?;
        Ok(serde_dynamo::from_item(item).map_err(StoreError::from)?)
    }

    /// Moves the commit point of the log to `last_id`, whose segment is in S3.
    pub async fn commit(&self, last_id: u64) -> Result<(), LeaseError> {
        let update = self.owned()?.set("last_event_id", last_id)?.when_less("last_event_id", last_id)?;
        match update.send(self.tables.client()).await {
            Ok(_) => Ok(()),
            Err(StoreError::Condition(old)) => match parse_old::<R>(old)? {
                Some(old) if old.execution().fence == self.fence && old.execution().last_event_id >= last_id => Ok(()),
                _ => Err(LeaseError::Lost),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// The update that ends the execution, for its resource to complete with status and results: the derived `*.completed`
    /// event gets the id after `last_id`, and nobody needs to look at the record any more.
    pub fn finish(&self, last_id: u64) -> Result<Update, StoreError> {
        Ok(self
            .owned()?
            .set("last_event_id", last_id + 1)?
            .set("finished", Timestamp::now())?
            .remove("due_at")
            .remove("due_shard")
            .remove("lease_expires_at"))
    }

    /// Sends the update of `record` that was made with [`Self::finish`], with other changes in one transaction, and returns the record as it
    /// is then.
    pub async fn send_finish(&self, record: &R, update: Update, with: Vec<TransactWriteItem>) -> Result<R, LeaseError> {
        let mut items = vec![TransactWriteItem::builder().update(update.into_transaction()?).build()];
        items.extend(with);
        items.extend(record.rest(&self.tables)?);
        let record: Option<R> = match self.tables.transact(&Ulid::generate().to_string(), items).await {
            Ok(()) => self.tables.get(R::TABLE, self.key.clone()).await?,
            Err(StoreError::Condition(_)) => self.tables.get(R::TABLE, self.key.clone()).await?.filter(|old: &R| {
                // Our own earlier try, whose answer was lost.
                old.is_over() && old.execution().lease_owner.as_deref() == Some(&self.owner)
            }),
            Err(error) => return Err(error.into()),
        };
        record.ok_or(LeaseError::Lost)
    }

    /// Gives the record back to the queue after a fault that is not its own; the next claim is another attempt, and the reaper asks for it
    /// after a pause that grows with every attempt.
    pub async fn give_back(&self, record: &R) -> Result<(), LeaseError> {
        let attempt = record.execution().attempt;
        let update = self
            .owned()?
            .set("attempt", attempt + 1)?
            .set("due_at", Timestamp::now() + PAUSE * 2u32.pow(attempt.min(6)))?
            .set("dispatches", 0)?
            .remove("lease_owner")
            .remove("lease_expires_at");
        let mut items = vec![TransactWriteItem::builder().update(record.set_status(update, R::QUEUED)?.into_transaction()?).build()];
        items.extend(record.rest(&self.tables)?);
        self.tables.transact(&Ulid::generate().to_string(), items).await.map_err(lost)
    }

    fn owned(&self) -> Result<Update, StoreError> {
        self.tables
            .update(R::TABLE, self.key.clone())
            .when_equals("fence", self.fence)?
            .when_equals("lease_owner", &self.owner)?
            .when_equals("status", R::WORKING)
    }
}

fn lost(error: StoreError) -> LeaseError {
    if error.is_condition() { LeaseError::Lost } else { LeaseError::Store(error) }
}

fn parse_old<R: Executable>(old: Option<Box<Item>>) -> Result<Option<R>, StoreError> {
    Ok(old.map(|item| serde_dynamo::from_item(*item)).transpose()?)
}
