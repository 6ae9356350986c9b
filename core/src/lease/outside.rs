//! What somebody who does not own a record may do to it: ask for its end, and end or free one that nobody works on.
//!
//! Every change here holds only while the record is as it was read. Its owner, or somebody else outside, may have been faster: then
//! nothing is changed, and whoever called looks again.

use aws_sdk_dynamodb::types::TransactWriteItem;
use ulid::Ulid;

use super::{CANCELED, Executable, FAILED, read};
use crate::eventlog::{Failure, FailureCode};
use crate::store::{StoreError, Tables, Update};
use crate::time::Timestamp;

/// Why a record ends without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// What happened, for programs. Whoever cancels makes the record `canceled`, everything else makes it `failed`.
    pub failure: Failure,
    /// What happened, for people.
    pub message: String,
}

impl Cut {
    /// The end that a person asked for, before it began or after its owner was lost.
    pub fn canceled(stage: &str) -> Self {
        Self { failure: Failure { code: FailureCode::CanceledByUser, stage: stage.to_owned() }, message: "it was canceled".to_owned() }
    }

    fn status(&self) -> &'static str {
        if self.failure.code == FailureCode::CanceledByUser { CANCELED } else { FAILED }
    }
}

/// Why a record can't be canceled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// It is over, and was not canceled.
    #[error("it is over already, with the status `{0}`")]
    Over(&'static str),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks for the end of a record: one that waits ends at once, one that is worked on is ended by its owner, which learns of it from its
/// next heartbeat. Asking again changes nothing.
pub async fn cancel<R: Executable>(tables: &Tables, mut record: R) -> Result<R, CancelError> {
    loop {
        if record.status_word() == R::QUEUED {
            if let Some(ended) = cut(tables, &record, &Cut::canceled("queued")).await? {
                return Ok(ended);
            }
        } else if record.status_word() == R::WORKING {
            let update = tables.update(R::TABLE, R::key(record.id())).set("cancel_requested", true)?.when_equals("status", R::WORKING)?;
            match update.send(tables.client()).await {
                Ok(item) => return Ok(serde_dynamo::from_item(item).map_err(StoreError::from)?),
                Err(StoreError::Condition(_)) => {}
                Err(error) => return Err(error.into()),
            }
        } else if record.status_word() == CANCELED {
            return Ok(record);
        } else {
            return Err(CancelError::Over(record.status_word()));
        }
        let gone = || StoreError::Corrupt(format!("{} is gone", record.id()));
        record = read(tables, record.id()).await?.ok_or_else(gone)?;
    }
}

/// Ends a record that nobody works on, or whose owner's lease has expired. `None` when it is over already, or not as it was read any more.
pub async fn cut<R: Executable>(tables: &Tables, record: &R, cut: &Cut) -> Result<Option<R>, StoreError> {
    if record.is_over() {
        return Ok(None);
    }
    let update = as_read(tables, record)?
        .set("last_event_id", record.execution().last_event_id + 1)?
        .set("finished", Timestamp::now())?
        .set("failure", &cut.failure)?
        .set("error_message", &cut.message)?
        .remove("due_at")
        .remove("due_shard")
        .remove("lease_expires_at");
    let mut update = record.set_status(update, cut.status())?;
    if cut.status() == CANCELED {
        update = update.set("cancel_requested", true)?;
    }
    let mut items = vec![TransactWriteItem::builder().update(update.into_transaction()?).build()];
    items.extend(record.release(tables)?);
    if record.status_word() == R::WORKING {
        items.extend(record.rest(tables)?);
    }
    change(tables, record, items).await
}

/// Takes a record from an owner whose lease has expired and queues it for another attempt, to be looked at again at `due`. `None` when it
/// is over already, or not as it was read any more.
pub async fn take_back<R: Executable>(tables: &Tables, record: &R, due: Timestamp) -> Result<Option<R>, StoreError> {
    if record.is_over() {
        return Ok(None);
    }
    let update = as_read(tables, record)?
        .set("attempt", record.execution().attempt + 1)?
        .set("due_at", due)?
        .set("dispatches", 0)?
        .remove("lease_owner")
        .remove("lease_expires_at");
    let update = record.set_status(update, R::QUEUED)?;
    let mut items = vec![TransactWriteItem::builder().update(update.into_transaction()?).build()];
    items.extend(record.rest(tables)?);
    change(tables, record, items).await
}

/// Notes that a queued record is dispatched again, and is to be looked at again at `due`. `None` when it is not as it was read any more.
pub async fn postpone<R: Executable>(tables: &Tables, record: &R, due: Timestamp) -> Result<Option<R>, StoreError> {
    let update = as_read(tables, record)?.set("due_at", due)?.set("dispatches", record.execution().dispatches + 1)?;
    match update.send(tables.client()).await {
        Ok(item) => Ok(Some(serde_dynamo::from_item(item)?)),
        Err(StoreError::Condition(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes changes that hold only while the record is as it was read.
async fn change<R: Executable>(tables: &Tables, record: &R, items: Vec<TransactWriteItem>) -> Result<Option<R>, StoreError> {
    match tables.transact(&Ulid::generate().to_string(), items).await {
        Ok(()) => read(tables, record.id()).await,
        Err(StoreError::Condition(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An update that holds only while the record's execution is as `record` says.
fn as_read<R: Executable>(tables: &Tables, record: &R) -> Result<Update, StoreError> {
    let execution = record.execution();
    let update = tables
        .update(R::TABLE, R::key(record.id()))
        .when_equals("status", record.status_word())?
        .when_equals("fence", execution.fence)?
        .when_equals("last_event_id", execution.last_event_id)?;
    match execution.lease_expires_at {
        Some(expires) => update.when_equals("lease_expires_at", expires),
        None => Ok(update),
    }
}
