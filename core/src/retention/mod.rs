//! How long things are kept, and removing what is kept no longer.
//!
//! A sweep goes through everything that may be old, in an order of its own: documents that were never uploaded or were deleted, which
//! stand in an index until somebody looks at them; then workspace by workspace the oldest runs, the oldest documents and the archives of
//! builds that are not used; then what is left of deleted workspaces. Ids sort by time, so what is old stands at one end of an index, and
//! what is young is not looked at.
//!
//! A *turn* is a bounded part of a sweep that says where the next one goes on. The reaper makes one every minute. Whoever breaks off does
//! no harm: what a record names goes before the record itself, so that the next sweep finds the rest.
//!
//! Nothing is removed that a run needs which is not over: neither its documents nor the copies of the run that it repeats. Documents go in
//! two steps: first they are as if somebody had deleted them, and when that is long ago their bytes go, so a run that was created in the
//! same moment still finds them.

mod needed;
mod position;

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use self::needed::Needed;
pub use self::position::Position;
use self::position::{Kind, Owner, Place, after_key, start_key};
use crate::Ade;
use crate::build::{Build, BuildStatus};
use crate::config::{Config, config_key};
use crate::document::{Document, DocumentStatus, Documents, document_key};
use crate::id::{BuildId, ConfigId, DocumentId, RunId, WorkspaceId};
use crate::layout;
use crate::lease::{DUE_SHARDS, Executable as _, read};
use crate::run::{Run, remove_run, remove_slots};
use crate::settings::Settings;
use crate::store::table::{BUILDS, CONFIGS, DOCUMENTS, RUNS, SETTINGS, WORKSPACES, string_key};
use crate::store::{Item, Objects, SCHEMA, StoreError, Table, Tables};
use crate::time::Timestamp;
use crate::workspace::{DeletedWorkspace, Workspace, WorkspaceSettings};

/// Most pages of one turn.
const PAGES: usize = 100;
/// Records of a page.
const PAGE: usize = 50;
/// Records looked at at a time.
const CONCURRENCY: usize = 8;
/// An index may be so far behind: what is left of a deleted workspace is looked for a little longer.
const SETTLED: Duration = Duration::from_mins(1);

/// How long things are kept; without a period for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Runs, after their end.
    pub runs: Option<Duration>,
    /// Documents, after they were announced.
    pub documents: Option<Duration>,
    /// Archives of builds that are not the active one of their config, after their end.
    pub archives: Option<Duration>,
    /// Deleted workspaces and documents.
    pub deleted: Duration,
}

impl From<&Settings> for Policy {
    fn from(settings: &Settings) -> Self {
        Self {
            runs: settings.run_retention.map(|period| period.0),
            documents: settings.document_retention.map(|period| period.0),
            archives: settings.archive_retention.map(|period| period.0),
            deleted: settings.deleted_retention.0,
        }
    }
}

/// Whether a sweep changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It only tells what it would remove.
    Preview,
    /// It removes.
    Apply,
}

/// Things of one kind that are removed, and the size of their objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// How many.
    pub count: u64,
    /// Bytes of their objects.
    pub bytes: u64,
}

/// What a turn removed, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Runs with their outputs, logs and copies of documents.
    pub runs: Removed,
    /// Documents that were deleted or never uploaded.
    pub documents: Removed,
    /// Archives of builds.
    pub archives: Removed,
    /// Documents that count as deleted from now on.
    pub expired: u64,
    /// Things that could not be looked at; the next sweep tries again.
    pub failed: u64,
}

/// A part of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// What it did, or would do.
    pub swept: Swept,
    /// Where the next turn goes on; none at the end.
    pub next: Option<Position>,
}

/// Removes what is kept no longer.
#[derive(Debug, Clone)]
pub struct Sweeper {
    tables: Tables,
    objects: Objects,
    documents: Documents,
    policy: Policy,
}

/// Where the reaper goes on (table `settings`, item `sweep`).
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    name: String,
    schema: u32,
    position: Option<String>,
}

impl Progress {
    const NAME: &'static str = "sweep";
}

impl Sweeper {
    /// A sweeper of these tables and this bucket.
    pub fn new(tables: Tables, objects: Objects, documents: Documents, policy: Policy) -> Self {
        Self { tables, objects, documents, policy }
    }

    /// The sweeper of an installation.
    pub fn of(ade: &Ade) -> Self {
        Self::new(ade.tables.clone(), ade.objects.clone(), ade.documents.clone(), Policy::from(&ade.settings))
    }

    /// Removes a little more: goes on where the last call ended, until `deadline` at the latest.
    pub async fn go_on(&self, now: Timestamp, deadline: Instant) -> Result<Swept, StoreError> {
        let progress: Option<Progress> = self.tables.get(&SETTINGS, string_key([("name", Progress::NAME)])).await?;
        // What can't be read any more, such as an older version's, begins anew.
        let position = progress.and_then(|progress| Position::decode(&progress.position?).ok());
        let Turn { swept, next } = self.turn(Mode::Apply, position, now, deadline).await?;
        let position = next.map(|next| next.encode());
        self.tables.put(&SETTINGS, &Progress { name: Progress::NAME.to_owned(), schema: SCHEMA, position }).await?;
        Ok(swept)
    }

    /// A turn of a sweep as it would be at `now`, from the beginning or a position, until `deadline` at the latest.
    pub async fn turn(&self, mode: Mode, from: Option<Position>, now: Timestamp, deadline: Instant) -> Result<Turn, StoreError> {
        let sweep = Sweep { sweeper: self, mode, now };
        let (mut swept, mut next) = (Swept::default(), Some(from.unwrap_or(Position::START)));
        for _ in 0..PAGES {
            let Some(Position(place)) = next else { break };
            next = match sweep.step(place, &mut swept).await {
                Ok(next) => next,
                // What nobody can read must not keep what comes after it for ever.
                Err(StoreError::Corrupt(error)) => {
                    tracing::error!(error, place = ?place, "a part of a sweep is passed over");
                    swept.failed += 1;
                    place.over()
                }
                Err(error) => return Err(error),
            }
            .map(Position);
            if Instant::now() >= deadline {
                break;
            }
        }
        Ok(Turn { swept, next })
    }

    /// Removes all that is left of a deleted workspace, until `deadline` at the latest; whether nothing is left.
    pub async fn clear(&self, workspace: WorkspaceId, deadline: Instant) -> Result<bool, StoreError> {
        let sweep = Sweep { sweeper: self, mode: Mode::Apply, now: Timestamp::now() };
        let mut swept = Swept::default();
        let mut place = Place::Runs { of: Owner { kind: Kind::Deleted, workspace }, after: None };
        while !matches!(place, Place::Next { .. }) {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            match sweep.step(place, &mut swept).await? {
                Some(next) => place = next,
                None => break,
            }
        }
        Ok(swept.failed == 0)
    }

    async fn keys(&self, table: &Table, workspace: WorkspaceId, low: String, high: String) -> Result<Vec<Item>, StoreError> {
        self.tables.oldest_between(table, "by_workspace", &workspace.to_string(), (low, high), PAGE).await
    }
}

/// A sweep at one moment.
struct Sweep<'a> {
    sweeper: &'a Sweeper,
    mode: Mode,
    now: Timestamp,
}

impl Sweep<'_> {
    /// Looks at one page and tells what comes after it.
    async fn step(&self, place: Place, swept: &mut Swept) -> Result<Option<Place>, StoreError> {
        Ok(Some(match place {
            Place::Due { shard, after } => self.due(shard, after, swept).await?,
            Place::Next { kind, after } => return self.workspace(kind, after).await,
            Place::Runs { of, after } => self.runs(of, after, swept).await?,
            Place::Documents { of, after } => self.documents(of, after, swept).await?,
            Place::Configs { of, after } => self.configs(of, after).await?,
            Place::Builds { of, config, after } => self.builds(of, config, after, swept).await?,
        }))
    }

    /// How long a workspace keeps something: the shorter of what the installation says and of what the workspace says itself.
    async fn period(
        &self,
        of: Owner,
        installation: Option<Duration>,
        own: impl FnOnce(&WorkspaceSettings) -> Option<Duration>,
    ) -> Result<Option<Duration>, StoreError> {
        if of.kind == Kind::Deleted {
            return Ok(installation);
        }
        let workspace: Option<Workspace> = self.sweeper.tables.get(&WORKSPACES, Workspace::key(of.workspace)).await?;
        let own = workspace.and_then(|workspace| own(&workspace.settings));
        Ok(installation.into_iter().chain(own).min())
    }

    /// The moment before which something is old; none when it never is.
    fn cutoff(&self, of: Owner, period: Option<Duration>) -> Option<Timestamp> {
        match of.kind {
            Kind::Live => period.map(|period| self.now - period),
            Kind::Deleted => Some(self.now),
        }
    }

    async fn workspace(&self, kind: Kind, after: Option<WorkspaceId>) -> Result<Option<Place>, StoreError> {
        let (tables, item) = match kind {
            Kind::Live => (&self.sweeper.tables, Workspace::ITEM),
            Kind::Deleted => (&self.sweeper.tables, DeletedWorkspace::ITEM),
        };
        let low = after.map_or(Some(WorkspaceId::FIRST), WorkspaceId::after);
        let between = (low.unwrap_or(WorkspaceId::LAST).to_string(), WorkspaceId::LAST.to_string());
        let found = tables.oldest_between(&WORKSPACES, "by_kind", item, between, 1).await?;
        let Some(workspace) = found.first().map(|item| id(item, "workspace_id")).transpose()? else {
            return Ok(match kind {
                Kind::Live => Some(Place::Next { kind: Kind::Deleted, after: None }),
                Kind::Deleted => None,
            });
        };
        if kind == Kind::Deleted {
            let left: Option<DeletedWorkspace> = tables.get(&WORKSPACES, DeletedWorkspace::key(workspace)).await?;
            if left.is_none_or(|left| !left.purge && left.deleted + self.sweeper.policy.deleted > self.now) {
                return Ok(Some(Place::Next { kind, after: Some(workspace) }));
            }
        }
        Ok(Some(Place::Runs { of: Owner { kind, workspace }, after: None }))
    }

    async fn runs(&self, of: Owner, after: Option<RunId>, swept: &mut Swept) -> Result<Place, StoreError> {
        let then = Place::Documents { of, after: None };
        let period = self.period(of, self.sweeper.policy.runs, WorkspaceSettings::run_retention).await?;
        let Some(cutoff) = self.cutoff(of, period) else { return Ok(then) };
        let (low, high) = (after.map_or(Some(RunId::FIRST), RunId::after), RunId::last_at(cutoff.millis()));
        let Some(low) = low.filter(|low| *low <= high) else { return Ok(then) };
        let found = self.sweeper.keys(&RUNS, of.workspace, low.to_string(), high.to_string()).await?;
        let whole = found.len() == PAGE;
        let ids: Vec<RunId> = readable(found.iter().map(|item| id(item, "run_id")), &mut swept.failed);
        if ids.is_empty() {
            return Ok(then);
        }
        let needed = Needed::of(&self.sweeper.tables, of.workspace).await?;
        let old = ids.iter().copied().filter(|run| !needed.run(*run));
        each(old, |run| self.run(run, cutoff), &mut swept.runs, &mut swept.failed).await;
        let last = ids.last().copied().filter(|_| whole);
        Ok(last.map_or(then, |last| Place::Runs { of, after: Some(last) }))
    }

    /// Removes a run that was over before a moment; the bytes of its objects.
    async fn run(&self, id: RunId, cutoff: Timestamp) -> Result<Option<u64>, StoreError> {
        let Sweeper { tables, objects, .. } = self.sweeper;
        let run: Option<Run> = read(tables, id).await?;
        let over = |run: &Run| run.status.is_terminal() && run.finished.is_some_and(|finished| finished <= cutoff);
        let Some(run) = run.filter(over) else { return Ok(None) };
        match self.mode {
            Mode::Preview => objects.size_of(&layout::run_prefix(id)).await,
            Mode::Apply => remove_run(tables, objects, &run).await,
        }
        .map(Some)
    }

    async fn documents(&self, of: Owner, after: Option<DocumentId>, swept: &mut Swept) -> Result<Place, StoreError> {
        let period = self.period(of, self.sweeper.policy.documents, WorkspaceSettings::document_retention).await?;
        let Some(cutoff) = self.cutoff(of, period) else { return self.after_documents(of).await };
        let (low, high) = (after.map_or(Some(DocumentId::FIRST), DocumentId::after), DocumentId::last_at(cutoff.millis()));
        let Some(low) = low.filter(|low| *low <= high) else { return self.after_documents(of).await };
        let found = self.sweeper.keys(&DOCUMENTS, of.workspace, low.to_string(), high.to_string()).await?;
        let whole = found.len() == PAGE;
        let documents: Vec<Document> = readable(found.into_iter().map(serde_dynamo::from_item), &mut swept.failed);
        if documents.is_empty() {
            return self.after_documents(of).await;
        }
        let needed = Needed::of(&self.sweeper.tables, of.workspace).await?;
        let last = documents.last().map(|document| document.document_id).filter(|_| whole);
        let old = documents.into_iter().filter(|document| !needed.document(document.document_id));
        match of.kind {
            Kind::Deleted => each(old, |document| self.remove(document), &mut swept.documents, &mut swept.failed).await,
            Kind::Live => {
                let usable = old.filter(|document| document.status == DocumentStatus::Ready && !document.is_deleted());
                let mut expired = Removed::default();
                each(usable, |document| self.expire(document), &mut expired, &mut swept.failed).await;
                swept.expired += expired.count;
            }
        }
        match last {
            Some(last) => Ok(Place::Documents { of, after: Some(last) }),
            None => self.after_documents(of).await,
        }
    }

    /// What comes after a workspace's documents. Of a deleted one nothing is left then, and it is forgotten.
    async fn after_documents(&self, of: Owner) -> Result<Place, StoreError> {
        let Sweeper { tables, .. } = self.sweeper;
        if of.kind == Kind::Live {
            return Ok(Place::Configs { of, after: None });
        }
        if self.mode == Mode::Apply {
            let left: Option<DeletedWorkspace> = tables.get(&WORKSPACES, DeletedWorkspace::key(of.workspace)).await?;
            let settled = left.is_some_and(|left| left.deleted + SETTLED <= self.now);
            let whole = || ("a".to_owned(), "~".to_owned());
            let workspace = of.workspace.to_string();
            let mut empty = true;
            for table in [&RUNS, &DOCUMENTS] {
                empty &= tables.oldest_between(table, "by_workspace", &workspace, whole(), 1).await?.is_empty();
            }
            if settled && empty {
                remove_slots(tables, of.workspace).await?;
                tables.delete(&WORKSPACES, DeletedWorkspace::key(of.workspace)).await?;
            }
        }
        Ok(Place::Next { kind: of.kind, after: Some(of.workspace) })
    }

    /// Lets a document that is kept no longer be as if somebody had deleted it.
    async fn expire(&self, document: Document) -> Result<Option<u64>, StoreError> {
        if self.mode == Mode::Apply {
            self.sweeper.documents.delete(document.document_id).await?;
        }
        Ok(Some(0))
    }

    /// Documents of which the upload or the deletion is long ago.
    async fn due(&self, shard: usize, after: Option<(i64, DocumentId)>, swept: &mut Swept) -> Result<Place, StoreError> {
        let Sweeper { tables, .. } = self.sweeper;
        let partition = DUE_SHARDS[shard.min(DUE_SHARDS.len() - 1)];
        let (ids, more) = tables.due::<DocumentId>(&DOCUMENTS, partition, self.now, start_key(partition, after)).await?;
        let mut needed: HashMap<WorkspaceId, Needed> = HashMap::new();
        let mut old = Vec::new();
        for id in ids {
            let Some(document) = tables.get::<Document>(&DOCUMENTS, document_key(id)).await? else { continue };
            if document.due_at.is_none_or(|due| due > self.now) {
                // It was uploaded since the index was read.
                continue;
            }
            let workspace = document.workspace_id;
            if let std::collections::hash_map::Entry::Vacant(entry) = needed.entry(workspace) {
                entry.insert(Needed::of(tables, workspace).await?);
            }
            if !needed[&workspace].document(id) {
                old.push(document);
            } else if self.mode == Mode::Apply {
                self.sweeper.documents.keep(&document, self.now + self.sweeper.policy.deleted).await?;
            }
        }
        each(old, |document| self.remove(document), &mut swept.documents, &mut swept.failed).await;
        Ok(match more.as_ref().and_then(after_key) {
            Some(last) => Place::Due { shard, after: Some(last) },
            None if shard + 1 < DUE_SHARDS.len() => Place::Due { shard: shard + 1, after: None },
            None => Place::Next { kind: Kind::Live, after: None },
        })
    }

    /// Removes a document and its object; the bytes of that.
    async fn remove(&self, document: Document) -> Result<Option<u64>, StoreError> {
        let bytes = match self.mode {
            Mode::Preview => self.sweeper.objects.head(&document.object_key()).await?.map_or(0, |object| object.byte_size),
            Mode::Apply => self.sweeper.documents.remove(&document).await?,
        };
        Ok(Some(bytes))
    }

    async fn configs(&self, of: Owner, after: Option<ConfigId>) -> Result<Place, StoreError> {
        let then = Place::Next { kind: of.kind, after: Some(of.workspace) };
        let low = after.map_or(Some(ConfigId::FIRST), ConfigId::after);
        let Some(low) = low.filter(|_| self.sweeper.policy.archives.is_some()) else { return Ok(then) };
        let between = (low.to_string(), ConfigId::LAST.to_string());
        let found = self.sweeper.tables.oldest_between(&CONFIGS, "by_workspace", &of.workspace.to_string(), between, 1).await?;
        let config = found.first().map(|item| id(item, "config_id")).transpose()?;
        Ok(config.map_or(then, |config| Place::Builds { of, config, after: None }))
    }

    async fn builds(&self, of: Owner, config: ConfigId, after: Option<BuildId>, swept: &mut Swept) -> Result<Place, StoreError> {
        let then = Place::Configs { of, after: Some(config) };
        let Some(cutoff) = self.cutoff(of, self.sweeper.policy.archives) else { return Ok(then) };
        let (low, high) = (after.map_or(Some(BuildId::FIRST), BuildId::after), BuildId::last_at(cutoff.millis()));
        let Some(low) = low.filter(|low| *low <= high) else { return Ok(then) };
        let between = (low.to_string(), high.to_string());
        let found = self.sweeper.tables.oldest_between(&BUILDS, "by_config", &config.to_string(), between, PAGE).await?;
        let last = found.last().map(|item| id(item, "build_id")).transpose()?.filter(|_| found.len() == PAGE);
        let packed = found.iter().filter(|item| item.contains_key("archive"));
        let packed: Vec<BuildId> = packed.map(|item| id(item, "build_id")).collect::<Result<_, _>>()?;
        each(packed, |build| self.archive(build, cutoff), &mut swept.archives, &mut swept.failed).await;
        Ok(last.map_or(then, |last| Place::Builds { of, config, after: Some(last) }))
    }

    /// Removes the archive of a build that is not the active one of its config and was over before a moment; its bytes. A run that wants
    /// this version later builds it again.
    async fn archive(&self, id: BuildId, cutoff: Timestamp) -> Result<Option<u64>, StoreError> {
        let Sweeper { tables, objects, .. } = self.sweeper;
        let Some(build) = read::<Build>(tables, id).await? else { return Ok(None) };
        let config: Option<Config> = tables.get(&CONFIGS, config_key(build.config_id)).await?;
        let unused = config.is_some_and(|config| config.active_build_id != Some(id));
        let old = build.status == BuildStatus::Active && build.finished.is_some_and(|finished| finished <= cutoff);
        let Some(archive) = build.archive.filter(|_| unused && old) else { return Ok(None) };
        if self.mode == Mode::Apply {
            objects.delete(&layout::build_archive(id)).await?;
            match tables.update(&BUILDS, Build::key(id)).remove("archive").send(tables.client()).await {
                // It was deleted with its config in this moment.
                Ok(_) | Err(StoreError::Condition(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(archive.byte_size))
    }
}

/// Looks at each thing, some at a time, and adds up what was removed. A thing that fails does not keep others from being looked at.
async fn each<T, F>(things: impl IntoIterator<Item = T>, look: impl Fn(T) -> F, removed: &mut Removed, failed: &mut u64)
where
    F: Future<Output = Result<Option<u64>, StoreError>>,
{
    let mut looks = stream::iter(things.into_iter().map(look)).buffer_unordered(CONCURRENCY);
    while let Some(looked) = looks.next().await {
        match looked {
            Ok(Some(bytes)) => {
                removed.count += 1;
                removed.bytes += bytes;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "something that may be old could not be looked at");
                *failed += 1;
            }
        }
    }
}

/// What can be read of what was found. The rest is told and counted.
fn readable<T, E: Display>(found: impl Iterator<Item = Result<T, E>>, failed: &mut u64) -> Vec<T> {
    let mut told = |error: &E| {
        tracing::error!(%error, "something that may be old could not be read");
        *failed += 1;
    };
    found.filter_map(|read| read.inspect_err(&mut told).ok()).collect()
}

/// An id that an item must have.
fn id<Id: std::str::FromStr<Err: Display>>(item: &Item, name: &str) -> Result<Id, StoreError> {
    let text = item.get(name).and_then(|value| value.as_s().ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| StoreError::Corrupt(format!("an item without {name}")))
}
