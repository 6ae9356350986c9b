//! What following an event log and reading its log lines have in common, for runs and builds.

use ade_core::eventlog::{self, Event, EventBody, Follow, LogHead, LogLevel, LogPage, LogSource, LogStream, PageLimits};
use ade_core::lease::Executable;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::edge::page::checked_limit;
use crate::edge::{Call, Checks, Framing, Problem, StreamAnswer, stream};

/// Most lines of a page of log lines, and how many there are when the request does not say.
const LINES: u32 = 1000;
/// Most bytes of events that a page of log lines is made from, but for the last one. Lambda takes answers of 6 MiB, in which a body is a
/// JSON string: of its characters any may need two.
const BYTES: usize = 2 << 20;

/// From where an event log is followed.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FollowQuery {
    /// Only events after this one: the id of the last event that the client has read. `Last-Event-ID`, with which a client resumes, counts before it.
    #[param(minimum = 0)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub after_id: Option<u64>,
    /// Whether to wait for more events when all there are have been sent, until the last one.
    #[param(default = true)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub follow: Option<bool>,
}

/// Which log lines are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogsQuery {
    /// Only lines after the event with this id: `next_after_id` of the page before.
    #[param(minimum = 0)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub after_id: Option<u64>,
    /// Most lines of the page.
    #[param(minimum = 1, maximum = 1000, default = 1000)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub limit: Option<u32>,
    /// Only lines of this output stream.
    #[param(inline)]
    pub stream: Option<LogStream>,
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// The id of its event.
    #[schema(example = 7)]
    pub id: u64,
    /// When it was printed, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// Where it was printed.
    pub stream: LogStream,
    /// How important it is, where its writer said so.
    pub level: Option<LogLevel>,
    /// The line, without its end.
    #[schema(example = "Sheet 'Contacts': 2 tables found")]
    pub message: String,
}

/// Follows the log of a record. `about` is the header that names the record.
pub fn follow<R: Executable>(call: &Call, id: R::Id, about: &'static str) -> StreamAnswer {
    let query: FollowQuery = call.request.query()?;
    let resumed = call.request.header("last-event-id").and_then(|id| id.trim().parse().ok());
    let framing = if call.request.accepts(Framing::ServerSent.media_type()) { Framing::ServerSent } else { Framing::Ndjson };
    let options = Follow { after_id: event_id(resumed.or(query.after_id))?, live: query.follow.unwrap_or(true) };
    let source = LogSource::<R>::new(call.ade().tables.clone(), id);
    let lines = eventlog::follow(source, call.ade().objects.clone(), options);
    stream::events(lines, framing, call.request.deadline, (about, id.to_string()))
}

/// Reads a page of a record's log lines: the lines, and where the next page starts.
pub async fn page(call: &Call, head: &LogHead) -> Result<(Vec<LogEntry>, Option<u64>), Problem> {
    let query: LogsQuery = call.request.query()?;
    let limits = PageLimits { lines: checked_limit(query.limit, LINES, LINES)?, bytes: BYTES };
    let after_id = event_id(query.after_id)?;
    let LogPage { events, next_after_id } = eventlog::page(&call.ade().objects, head, after_id, query.stream, limits).await?;
    Ok((events.into_iter().filter_map(entry).collect(), next_after_id))
}

/// An id that an event may have; 0, before the first, when the request does not say.
fn event_id(id: Option<u64>) -> Result<u64, Problem> {
    let id = id.unwrap_or(0);
    let message = format!("must be at most {}", i64::MAX);
    Checks::new().that(i64::try_from(id).is_ok(), "after_id", "out_of_range", message).finish()?;
    Ok(id)
}

fn entry(event: Event) -> Option<LogEntry> {
    let (EventBody::RunLog(line) | EventBody::BuildLog(line)) = event.body else { return None };
    Some(LogEntry { id: event.id, created: event.created, stream: line.stream, level: line.level, message: line.message })
}
