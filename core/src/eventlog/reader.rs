//! Reading a log: a page of it, all of it, or following it while it grows.

use std::time::Duration;

use async_stream::try_stream;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, pin_mut};

use super::segment::{SegmentName, cut, end_of};
use super::{Event, EventBody, LogStream};
use crate::lease::{Executable, FenceStart};
use crate::store::{Objects, StoreError, Tables};

/// How often a follower looks whether the record moved.
const POLL: Duration = Duration::from_millis(100);
/// How often it looks when nothing has happened for [`QUIET`].
const QUIET_POLL: Duration = Duration::from_millis(400);
/// See [`QUIET_POLL`].
const QUIET: Duration = Duration::from_secs(20);
/// Segments listed at a time.
const LISTING: usize = 256;

/// A log as the record describes it at one moment.
#[derive(Debug, Clone)]
pub struct LogHead {
    /// Prefix of the segments.
    pub prefix: String,
    /// The last committed id.
    pub last_event_id: u64,
    /// Where each owner's events start.
    pub fences: Vec<FenceStart>,
    /// The derived first event.
    pub created: Event,
    /// The derived last event, once the record is finished.
    pub completed: Option<Event>,
}

impl LogHead {
    /// The last id that a segment may hold: the completed event is not stored.
    fn last_stored(&self) -> u64 {
        if self.completed.is_some() { self.last_event_id.saturating_sub(1) } else { self.last_event_id }
    }
}

/// Where the newest state of a log's record comes from.
#[derive(Debug, Clone)]
pub struct LogSource<R: Executable> {
    tables: Tables,
    id: R::Id,
}

impl<R: Executable> LogSource<R> {
    /// The log of the record with this id.
    pub fn new(tables: Tables, id: R::Id) -> Self {
        Self { tables, id }
    }

    async fn head(&self) -> Result<LogHead, StoreError> {
        match crate::lease::read::<R>(&self.tables, self.id).await? {
            Some(record) => Ok(record.log_head()),
            None => Err(StoreError::Corrupt(format!("{} is gone", self.id))),
        }
    }
}

/// Where a follower starts and when it stops.
#[derive(Debug, Clone, Copy)]
pub struct Follow {
    /// The last id the reader already has; 0 for none.
    pub after_id: u64,
    /// Whether to wait for more when everything committed has been read.
    pub live: bool,
}

/// Yields the lines of a log in order, as chunks of whole NDJSON lines, each event exactly once; ends after the `*.completed` line,
/// or, when not live, after the last committed one.
pub fn follow<R: Executable>(
    source: LogSource<R>,
    objects: Objects,
    options: Follow,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
    try_stream! {
        let (mut cursor, mut quiet) = (options.after_id, Duration::ZERO);
        loop {
            let head = source.head().await?;
            if cursor < head.last_event_id {
                quiet = Duration::ZERO;
                let stored = stored(&objects, &head, cursor);
                if cursor == 0 {
                    yield head.created.line();
                    cursor = 1;
                }
                pin_mut!(stored);
                while let Some((last_id, lines)) = stored.try_next().await? {
                    yield lines;
                    cursor = last_id;
                }
                if let Some(completed) = &head.completed {
                    yield completed.line();
                    cursor = completed.id;
                }
            }
            if head.completed.is_some() || !options.live {
                break;
            }
            let pause = if quiet >= QUIET { QUIET_POLL } else { POLL };
            tokio::time::sleep(pause).await;
            quiet += pause;
        }
    }
}

/// Yields the whole committed log as it is now, as chunks of whole lines.
pub fn read_all(objects: &Objects, head: LogHead) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + use<> {
    let objects = objects.clone();
    try_stream! {
        yield head.created.line();
        let stored = stored(&objects, &head, 1);
        pin_mut!(stored);
        while let Some((_, lines)) = stored.try_next().await? {
            yield lines;
        }
        if let Some(completed) = &head.completed {
            yield completed.line();
        }
    }
}

/// The stored committed lines after `after`, segment by segment, each with the last id of the segment's lines.
fn stored(objects: &Objects, head: &LogHead, after: u64) -> impl Stream<Item = Result<(u64, Bytes), StoreError>> + Send + use<> {
    let (objects, prefix, fences, last) = (objects.clone(), head.prefix.clone(), head.fences.clone(), head.last_stored());
    try_stream! {
        let mut cursor = after.max(1);
        let mut start = SegmentName::after(&prefix, cursor);
        while cursor < last {
            let listed = objects.list(&prefix, Some(&start), LISTING).await?;
            let Some(newest) = listed.last() else { break };
            start.clone_from(&newest.key);
            for object in &listed {
                let Some(name) = SegmentName::parse(&prefix, &object.key) else { continue };
                let end = end_of(name.fence, &fences).map_or(last + 1, |end| end.min(last + 1));
                // Nothing in it can count: it ends before what is wanted, or its writer had been replaced.
                if name.last_id <= cursor || end <= cursor + 1 {
                    continue;
                }
                let segment = objects.read(&object.key).await?.ok_or_else(|| StoreError::Corrupt(format!("{} is gone", object.key)))?;
                let whole = name.last_id < end;
                let lines = cut(&segment, cursor, if whole { u64::MAX } else { end })?;
                if !lines.is_empty() {
                    cursor = if whole { name.last_id } else { end - 1 };
                    yield (cursor, lines);
                }
            }
        }
        if cursor < last {
            Err(StoreError::Corrupt(format!("{prefix}: events {} to {last} are missing", cursor + 1)))?;
        }
    }
}

/// What a page of log lines may hold.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// Most lines.
    pub lines: usize,
    /// Most bytes of NDJSON looked at.
    pub bytes: usize,
}

/// A page of log lines: events that carry a line of output.
#[derive(Debug)]
pub struct LogPage {
    /// The events, oldest first; every body is a log line.
    pub events: Vec<Event>,
    /// Where the next page starts; `None` when the record is finished and nothing follows.
    pub next_after_id: Option<u64>,
}

/// Reads a page of log lines after an id, optionally of one stream only.
pub async fn page(
    objects: &Objects,
    head: &LogHead,
    after_id: u64,
    only: Option<LogStream>,
    limits: PageLimits,
) -> Result<LogPage, StoreError> {
    let (mut events, mut looked_at, mut cursor) = (Vec::new(), 0, after_id);
    let stored = stored(objects, head, after_id);
    pin_mut!(stored);
    while let Some(chunk) = stored.next().await {
        let (_, lines) = chunk?;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let event: Event = serde_json::from_slice(line).map_err(|error| StoreError::Corrupt(format!("event line: {error}")))?;
            cursor = event.id;
            looked_at += line.len();
            if let EventBody::RunLog(log) | EventBody::BuildLog(log) = &event.body
                && only.is_none_or(|stream| stream == log.stream)
            {
                events.push(event);
            }
            if events.len() >= limits.lines || looked_at >= limits.bytes {
                return Ok(LogPage { events, next_after_id: Some(cursor) });
            }
        }
    }
    let next_after_id = if head.completed.is_some() { None } else { Some(cursor) };
    Ok(LogPage { events, next_after_id })
}
