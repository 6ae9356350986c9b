//! Lists of runs, newest first, with any combination of conditions.
//!
//! A run's id sorts by its time and is the sort key of every index, so a page is a range of ids that is read downwards. The most
//! selective condition chooses which partitions of which index are read; with several statuses they are several, and are merged.
//! Other conditions filter what is read, at most [`READ_LIMIT`] runs a page: such a page may be short and still have a next one.
//! The cursor is the id of the last run looked at, so every page costs what it reads and never what lies before it.

use std::collections::{BTreeSet, VecDeque};

use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _};

use super::Runs;
use super::model::{Run, RunLink, RunStatus, workspace_status};
use crate::id::{ConfigId, DocumentId, RunId, WorkspaceId};
use crate::store::page::InvalidCursor;
use crate::store::table::{ListError, RUNS};
use crate::store::{Cursor, Page, PageRequest, StoreError};
use crate::time::Timestamp;

/// Most runs that are looked at for one page.
const READ_LIMIT: usize = 1000;
/// How far a run's id and its `created` may be apart, in milliseconds: they are made one after the other.
const APART: i64 = 1000;
/// Runs of a document that are read at a time.
const CONCURRENT: usize = 16;

/// Which runs to list; conditions add up.
#[derive(Debug, Clone, Default)]
pub struct ListRuns {
    /// With one of these statuses; any when empty.
    pub statuses: BTreeSet<RunStatus>,
    /// Of this config.
    pub config_id: Option<ConfigId>,
    /// With this document.
    pub document_id: Option<DocumentId>,
    /// Submitted by the principal with this id.
    pub submitted_by: Option<String>,
    /// Created at or after this moment.
    pub created_after: Option<Timestamp>,
    /// Created before this moment.
    pub created_before: Option<Timestamp>,
}

impl Runs {
    /// Lists a workspace's runs.
    pub async fn list(&self, workspace: WorkspaceId, wanted: &ListRuns, page: PageRequest) -> Result<Page<Run>, ListError> {
        let mut newest = wanted.created_before.map_or(RunId::LAST, |before| RunId::last_at(before.millis().saturating_add(APART)));
        if let Some(cursor) = page.cursor {
            newest = match last_seen(cursor, workspace)?.before() {
                Some(next) => newest.min(next),
                None => return Ok(Page { items: Vec::new(), next: None }),
            };
        }
        let oldest = wanted.created_after.map_or(RunId::FIRST, |after| RunId::first_at(after.millis().saturating_sub(APART)));
        let mut partitions = wanted.partitions(workspace, oldest, newest);
        let (mut items, mut read) = (Vec::new(), 0);
        while let Some(run) = self.newest_of(&mut partitions, page.limit + 1).await? {
            let id = run.run_id;
            read += 1;
            if wanted.includes(workspace, &run) {
                items.push(run);
            }
            if items.len() == page.limit || read == READ_LIMIT {
                let more = self.fill(&mut partitions, page.limit + 1).await?;
                return Ok(Page { items, next: more.then(|| cursor_after(id, workspace)) });
            }
        }
        Ok(Page { items, next: None })
    }

    /// Takes the newest run that any of the partitions holds.
    async fn newest_of(&self, partitions: &mut [Partition], at_once: usize) -> Result<Option<Run>, StoreError> {
        self.fill(partitions, at_once).await?;
        let newest = partitions.iter_mut().max_by_key(|partition| partition.read.front().map(|run| run.run_id));
        Ok(newest.and_then(|partition| partition.read.pop_front()))
    }

    /// Reads on in every partition of which nothing is at hand; whether there is anything then.
    async fn fill(&self, partitions: &mut [Partition], at_once: usize) -> Result<bool, StoreError> {
        try_join_all(partitions.iter_mut().map(|partition| self.read_on(partition, at_once))).await?;
        Ok(partitions.iter().any(|partition| !partition.read.is_empty()))
    }

    async fn read_on(&self, partition: &mut Partition, at_once: usize) -> Result<(), StoreError> {
        while partition.read.is_empty()
            && let Some(newest) = partition.newest
        {
            let between = (partition.oldest.to_string(), newest.to_string());
            let items = self.tables.newest_between(&RUNS, partition.index, &partition.key, between, at_once).await?;
            let all = items.len() < at_once;
            let last;
            if partition.index == BY_DOCUMENT {
                let links: Vec<RunLink> = serde_dynamo::from_items(items)?;
                last = links.last().map(|link| link.run_id);
                // The document's index holds keys only; the runs are read beside it.
                let runs = futures::stream::iter(links).map(|link| self.get(link.run_id)).buffered(CONCURRENT);
                partition.read = runs.try_filter_map(async |run| Ok(run)).try_collect().await?;
            } else {
                partition.read = serde_dynamo::from_items::<_, Run>(items)?.into();
                last = partition.read.back().map(|run| run.run_id);
            }
            partition.newest = last.filter(|_| !all).and_then(RunId::before);
        }
        Ok(())
    }
}

const BY_DOCUMENT: &str = "by_document";

/// A partition of an index, and how far down it has been read.
struct Partition {
    index: &'static str,
    key: String,
    oldest: RunId,
    /// The newest id that has not been asked for; none when everything has been read.
    newest: Option<RunId>,
    read: VecDeque<Run>,
}

impl ListRuns {
    /// The partitions that together hold every run that is wanted.
    fn partitions(&self, workspace: WorkspaceId, oldest: RunId, newest: RunId) -> Vec<Partition> {
        let partition =
            |index, key| Partition { index, key, oldest, newest: Some(newest).filter(|newest| *newest >= oldest), read: VecDeque::new() };
        // Few runs are under way at a time, so those statuses select more than anything else does.
        let under_way = !self.statuses.is_empty() && self.statuses.iter().all(|status| !status.is_terminal());
        let any_status = self.statuses.is_empty() || self.statuses.len() == RunStatus::ALL.len();
        if let Some(document) = self.document_id {
            vec![partition(BY_DOCUMENT, document.to_string())]
        } else if let Some(config) = self.config_id.filter(|_| !under_way) {
            vec![partition("by_config", config.to_string())]
        } else if any_status {
            vec![partition("by_workspace", workspace.to_string())]
        } else {
            self.statuses.iter().map(|status| partition("by_workspace_status", workspace_status(workspace, status.word()))).collect()
        }
    }

    fn includes(&self, workspace: WorkspaceId, run: &Run) -> bool {
        run.workspace_id == workspace
            && (self.statuses.is_empty() || self.statuses.contains(&run.status))
            && self.config_id.is_none_or(|config| config == run.config_id)
            && self.document_id.is_none_or(|document| run.input_documents.iter().any(|input| input.document_id == document))
            && self.submitted_by.as_ref().is_none_or(|id| *id == run.submitted_by.id)
            && self.created_after.is_none_or(|after| run.created >= after)
            && self.created_before.is_none_or(|before| run.created < before)
    }
}

/// Names of a cursor's parts. The workspace makes a cursor of another one useless.
const RUN: &str = "run_id";
const WORKSPACE: &str = "workspace_id";

fn cursor_after(run: RunId, workspace: WorkspaceId) -> Cursor {
    Cursor::from_parts([(RUN, run.to_string()), (WORKSPACE, workspace.to_string())])
}

fn last_seen(cursor: Cursor, workspace: WorkspaceId) -> Result<RunId, InvalidCursor> {
    let parts = cursor.into_parts(&[RUN, WORKSPACE], &[(WORKSPACE, &workspace.to_string())])?;
    parts.get(RUN).and_then(|id| id.parse().ok()).ok_or(InvalidCursor)
}
