//! How many runs of a workspace are worked on at once.
//!
//! The workspace's `slots` item holds the ids of the runs that executors work on. A run enters the set in the transaction that claims
//! it and leaves it in the one that ends or frees it, so the set is never wrong, whatever crashes; nothing is counted on an index.
//!
//! A run that finds the set full stays queued and leaves a mark. While there is a mark, slots are given in the order in which runs were
//! created: whoever frees a slot starts the oldest runs that wait, and a younger run that comes by does not get ahead of them. The mark
//! goes when no more runs wait than there are free slots.
//!
//! A workspace may allow itself fewer slots than the installation does: the number stands in the item too, so that every condition is
//! checked against it in the same transaction.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update as TransactUpdate};
use serde::Deserialize;
use ulid::Ulid;

use super::model::{Run, RunStatus, workspace_status};
use crate::id::{RunId, WorkspaceId};
use crate::lease::{Admission, Executable as _, read};
use crate::store::table::{RUNS, WORKSPACES, string_key};
use crate::store::{Item, StoreError, Tables};

const ITEM: &str = "slots";

/// The slots of workspaces.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    tables: Tables,
    limit: usize,
}

/// A workspace's slots as they are stored (table `workspaces`, item `slots`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Occupancy {
    /// The runs that are worked on.
    #[serde(default)]
    taken: BTreeSet<RunId>,
    /// The newest mark that runs wait, unique to whoever left it.
    #[serde(default)]
    waiting: Option<String>,
    /// How many slots the workspace allows itself.
    #[serde(default)]
    allowed: Option<u32>,
}

/// Sets how many slots a workspace allows itself, as a part of a transaction.
pub(crate) fn allow_slots(tables: &Tables, workspace: WorkspaceId, allowed: Option<u32>) -> Result<TransactWriteItem, StoreError> {
    let update = change(tables, workspace);
    part(match allowed {
        Some(allowed) => update
            .update_expression("SET allowed = :allowed")
            .expression_attribute_values(":allowed", AttributeValue::N(allowed.to_string())),
        None => update.update_expression("REMOVE allowed"),
    })
}

/// Forgets the slots of a workspace that is gone.
pub(crate) async fn remove_slots(tables: &Tables, workspace: WorkspaceId) -> Result<(), StoreError> {
    tables.delete(&WORKSPACES, key(workspace)).await.map(drop)
}

impl Slots {
    /// Slots in these tables, so many for each workspace.
    pub(super) fn new(tables: Tables, limit: usize) -> Self {
        Self { tables, limit }
    }

    /// Whether runs of a workspace wait because all its slots are taken.
    pub(super) async fn are_full(&self, workspace: WorkspaceId) -> Result<bool, StoreError> {
        Ok(self.free(&self.read(workspace).await?) == 0)
    }

    /// The runs that wait for a slot and may start now, oldest first. Called by whoever has freed a slot.
    pub(super) async fn waiting(&self, workspace: WorkspaceId) -> Result<Vec<RunId>, StoreError> {
        let slots = self.read(workspace).await?;
        if slots.waiting.is_none() || self.free(&slots) == 0 {
            return Ok(Vec::new());
        }
        self.next(workspace, &slots).await
    }

    /// The oldest queued runs, as many as there are free slots; when these are all, the mark that runs wait is removed.
    async fn next(&self, workspace: WorkspaceId, slots: &Occupancy) -> Result<Vec<RunId>, StoreError> {
        let free = self.free(slots);
        let mut next = Vec::new();
        let mut start = None;
        loop {
            let queued = workspace_status(workspace, RunStatus::Queued.word());
            let (ids, more) = self.tables.oldest::<RunId>(&RUNS, "by_workspace_status", &queued, start.take()).await?;
            for id in ids {
                // An index may be a moment behind: what it says is queued may have been claimed or ended since.
                if slots.taken.contains(&id) || read::<Run>(&self.tables, id).await?.is_none_or(|run| run.status != RunStatus::Queued) {
                    continue;
                }
                if next.len() == free {
                    return Ok(next);
                }
                next.push(id);
            }
            start = more;
            if start.is_none() {
                self.unmark(workspace, slots).await?;
                return Ok(next);
            }
        }
    }

    /// Leaves the mark that runs wait; `false` when there is a free slot.
    async fn mark(&self, workspace: WorkspaceId) -> Result<bool, StoreError> {
        let update = change(&self.tables, workspace)
            .update_expression("SET waiting = :mark")
            .condition_expression("size(taken) >= :limit OR (attribute_exists(allowed) AND size(taken) >= allowed)")
            .expression_attribute_values(":mark", AttributeValue::S(Ulid::generate().to_string()))
            .expression_attribute_values(":limit", AttributeValue::N(self.limit.to_string()));
        self.holds(update).await
    }

    /// Removes the mark that was seen; one that was left since stays.
    async fn unmark(&self, workspace: WorkspaceId, seen: &Occupancy) -> Result<(), StoreError> {
        let Some(mark) = &seen.waiting else { return Ok(()) };
        let update = change(&self.tables, workspace)
            .update_expression("REMOVE waiting")
            .condition_expression("waiting = :mark")
            .expression_attribute_values(":mark", AttributeValue::S(mark.clone()));
        self.holds(update).await.map(drop)
    }

    /// Makes a change of its own, if its condition holds.
    async fn holds(&self, update: aws_sdk_dynamodb::types::builders::UpdateBuilder) -> Result<bool, StoreError> {
        match self.tables.transact(&Ulid::generate().to_string(), vec![part(update)?]).await {
            Ok(()) => Ok(true),
            Err(StoreError::Condition(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How many slots are not taken.
    fn free(&self, slots: &Occupancy) -> usize {
        let allowed = slots.allowed.map_or(self.limit, |allowed| self.limit.min(allowed as usize));
        allowed.saturating_sub(slots.taken.len())
    }

    async fn read(&self, workspace: WorkspaceId) -> Result<Occupancy, StoreError> {
        Ok(self.tables.get(&WORKSPACES, key(workspace)).await?.unwrap_or_default())
    }
}

impl Admission<Run> for Slots {
    /// The first try bets that nobody waits; the next one looks closely.
    async fn admit(&self, run: &Run, again: bool) -> Result<Option<Vec<TransactWriteItem>>, StoreError> {
        if again {
            loop {
                let slots = self.read(run.workspace_id).await?;
                if self.free(&slots) > 0 {
                    if slots.waiting.is_some() && !self.next(run.workspace_id, &slots).await?.contains(&run.run_id) {
                        return Ok(None);
                    }
                    break;
                }
                if self.mark(run.workspace_id).await? {
                    return Ok(None);
                }
                // A slot became free before the mark was left.
            }
        }
        let free = "(attribute_not_exists(taken) OR (size(taken) < :limit AND (attribute_not_exists(allowed) OR size(taken) < allowed)))";
        let condition = if again { free.to_owned() } else { format!("{free} AND attribute_not_exists(waiting)") };
        let update = change(&self.tables, run.workspace_id)
            .update_expression("ADD taken :runs")
            .condition_expression(condition)
            .expression_attribute_values(":runs", AttributeValue::Ss(vec![run.run_id.to_string()]))
            .expression_attribute_values(":limit", AttributeValue::N(self.limit.to_string()));
        Ok(Some(vec![part(update)?]))
    }
}

/// What must be part of the change by which nobody works on `run` any more.
pub(super) fn free(tables: &Tables, run: &Run) -> Result<TransactWriteItem, StoreError> {
    let runs = AttributeValue::Ss(vec![run.id().to_string()]);
    part(change(tables, run.workspace_id).update_expression("DELETE taken :runs").expression_attribute_values(":runs", runs))
}

fn key(workspace: WorkspaceId) -> Item {
    string_key([("workspace_id", &workspace.to_string()), ("item", ITEM)])
}

/// A change of the `slots` item, which need not exist yet.
fn change(tables: &Tables, workspace: WorkspaceId) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
    TransactUpdate::builder()
        .table_name(tables.name(&WORKSPACES))
        .set_key(Some(key(workspace)))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
}

fn part(update: aws_sdk_dynamodb::types::builders::UpdateBuilder) -> Result<TransactWriteItem, StoreError> {
    let update = update.build().map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
