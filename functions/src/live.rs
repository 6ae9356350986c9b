//! Starting work and showing its events while it goes on.
//!
//! The record is written before anything here happens, so nothing depends on the client: when it goes away, the call to the
//! executor has been or is being made by a task of its own, and the log can be followed from anywhere. What the client sees is
//! first the derived `*.created` event, then the executor's answer as it arrives, and, from wherever that ends early for
//! whatever reason, the log itself. Event ids decide where one takes over from the other: no event is lost or shown twice.

use std::sync::Arc;

use ade_core::dispatch::{DispatchError, Dispatcher, Relay, Work};
use ade_core::eventlog::{Follow, LogSource, follow};
use ade_core::id::WorkspaceId;
use ade_core::lease::Executable;
use ade_core::store::{Objects, StoreError, Tables};
use async_stream::try_stream;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, pin_mut};
use serde::Deserialize;
use tracing::Instrument as _;

use crate::edge::stream::events;
use crate::edge::{Call, Framing, StreamAnswer};

/// Hands work over without waiting for it. A failure is no reason to refuse the request: the record waits, and is dispatched again.
pub(crate) async fn hand_over(dispatcher: &dyn Dispatcher, workspace: WorkspaceId, work: Work) {
    if let Err(error) = dispatcher.send(workspace, work).await {
        tracing::error!(%error, ?work, "work stays queued");
    }
}

/// Answers with the events of a record. What is to be executed, its `work`, is started: the answer relays it, or, where answers come
/// whole (a relay would be cut with the answer, and the call with it), follows the log.
pub(crate) async fn answer<R: Executable>(
    call: &Call,
    workspace: WorkspaceId,
    record: &R,
    work: Option<Work>,
    header: &'static str,
) -> StreamAnswer {
    let (tables, objects) = (call.ade().tables.clone(), call.ade().objects.clone());
    let about = (header, record.id().to_string());
    let deadline = call.request.deadline;
    match work {
        Some(work) if call.ade().settings.response_streaming => {
            let lines = start(call.dispatcher(), tables, objects, workspace, work, record);
            events(lines, Framing::Ndjson, deadline, about)
        }
        work => {
            if let Some(work) = work {
                hand_over(call.dispatcher().as_ref(), workspace, work).await;
            }
            let lines = follow(LogSource::<R>::new(tables, record.id()), objects, Follow { after_id: 0, live: true });
            events(lines, Framing::Ndjson, deadline, about)
        }
    }
}

/// The events of a record that is queued and has just been created: starts its execution and relays it.
fn start<R: Executable>(
    dispatcher: Arc<dyn Dispatcher>,
    tables: Tables,
    objects: Objects,
    workspace: WorkspaceId,
    work: Work,
    record: &R,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + use<R> {
    let call = {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            let relay = dispatcher.stream(workspace, work).await;
            if let Err(error) = &relay {
                tracing::warn!(%error, "no relay; following the log");
                hand_over(dispatcher.as_ref(), workspace, work).await;
            }
            relay.ok()
        }
    };
    // Not part of the answer: it ends when the executor has been called, also when nobody reads the answer any more.
    let call = tokio::spawn(call.in_current_span());
    let (created, id) = (record.log_head().created, record.id());
    try_stream! {
        yield created.line();
        let mut cursor = Cursor { last_id: created.id, completed: false };
        let relay = call.await.unwrap_or_else(|stopped| {
            tracing::error!(error = %stopped, "the call to the executor stopped");
            None
        });
        if let Some(relay) = relay {
            {
                let lines = relayed(relay, &mut cursor);
                pin_mut!(lines);
                while let Some(chunk) = lines.next().await {
                    match chunk {
                        Ok(chunk) => yield chunk,
                        Err(error) => tracing::warn!(%error, "relay broke; following the log"),
                    }
                }
            }
            if !cursor.completed {
                // When the work was claimed this is harmless; when the relay ended before that, it is needed.
                hand_over(dispatcher.as_ref(), workspace, work).await;
            }
        }
        if !cursor.completed {
            let rest = follow(LogSource::<R>::new(tables, id), objects, Follow { after_id: cursor.last_id, live: true });
            pin_mut!(rest);
            while let Some(chunk) = rest.next().await {
                yield chunk?;
            }
        }
    }
}

/// How far a relay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    last_id: u64,
    completed: bool,
}

#[derive(Deserialize)]
struct Line<'a> {
    id: u64,
    #[serde(borrow)]
    object: std::borrow::Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
}

impl Cursor {
    /// Takes a line that continues the log. A line that is not the next event is not ours to show: the log has the right one.
    fn take(&mut self, line: &[u8]) -> Result<(), DispatchError> {
        let event: Line = serde_json::from_slice(line).map_err(|error| DispatchError(format!("not an event: {error}")))?;
        if event.id != self.last_id + 1 {
            return Err(DispatchError(format!("event {} came after {}", event.id, self.last_id)));
        }
        self.last_id = event.id;
        self.completed =
            matches!((&*event.object, &*event.kind), ("ade.run.event", "run.completed") | ("ade.build.event", "build.completed"));
        Ok(())
    }
}

/// The whole lines of a relay that continue the log, as they arrive; moves the cursor. Ends at the last event, or early.
fn relayed(mut relay: Relay, cursor: &mut Cursor) -> impl Stream<Item = Result<Bytes, DispatchError>> + Send {
    try_stream! {
        let mut unread = BytesMut::new();
        while let Some(chunk) = relay.next().await {
            unread.extend_from_slice(&chunk?);
            let Some(end) = unread.iter().rposition(|byte| *byte == b'\n') else { continue };
            let lines = unread.split_to(end + 1).freeze();
            let mut shown = 0;
            let mut broken = None;
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                if let Err(error) = cursor.take(line) {
                    broken = Some(error);
                    break;
                }
                shown += line.len();
            }
            if shown > 0 {
                yield lines.slice(..shown);
            }
            if let Some(error) = broken {
                Err(error)?;
            }
            if cursor.completed {
                break;
            }
        }
    }
}

#[cfg(test)]
mod faults;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::executor::block_on;
    use futures::stream;
    use proptest::prelude::*;

    fn line(id: u64, kind: &str) -> String {
        format!("{{\"object\":\"ade.run.event\",\"type\":\"{kind}\",\"id\":{id}}}\n")
    }

    /// What is shown of a relay, and where it left the cursor.
    fn shown(chunks: Vec<Result<Bytes, DispatchError>>) -> (String, Cursor) {
        let mut cursor = Cursor { last_id: 1, completed: false };
        let chunks: Vec<Bytes> =
            block_on(relayed(stream::iter(chunks).boxed(), &mut cursor).filter_map(|chunk| async { chunk.ok() }).collect());
        (String::from_utf8(chunks.concat()).unwrap(), cursor)
    }

    proptest! {
        #[test]
        fn whole_lines_are_shown_once_however_the_relay_is_cut(
            count in 0u64..20,
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..15),
            broken in any::<Option<proptest::sample::Index>>(),
        ) {
            let mut whole: String = (2..2 + count).map(|id| line(id, "run.log")).collect();
            whole.push_str(&line(2 + count, "run.completed"));
            let readable = broken.map_or(whole.len(), |at| at.index(whole.len()));
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(readable + 1)).chain([0, readable]).collect();
            cuts.sort_unstable();
            let mut chunks: Vec<_> = cuts.windows(2).map(|cut| Ok(Bytes::copy_from_slice(&whole.as_bytes()[cut[0]..cut[1]]))).collect();
            chunks.push(Err(DispatchError("cut".to_owned())));
            let (text, cursor) = shown(chunks);
            let expected = whole[..readable].rfind('\n').map_or("", |end| &whole[..=end]);
            prop_assert_eq!(&text, expected);
            prop_assert_eq!(cursor.last_id, 1 + expected.lines().count() as u64);
            prop_assert_eq!(cursor.completed, expected.len() == whole.len());
        }
    }

    #[test]
    fn what_does_not_continue_the_log_ends_the_relay() {
        let gap = format!("{}{}", line(2, "run.started"), line(4, "run.log"));
        assert_eq!(shown(vec![Ok(gap.into())]), (line(2, "run.started"), Cursor { last_id: 2, completed: false }));
        let repeated = format!("{}{}", line(2, "run.started"), line(2, "run.started"));
        assert_eq!(shown(vec![Ok(repeated.into())]).0, line(2, "run.started"));
        assert_eq!(shown(vec![Ok("oops\n".into())]).0, "");
        let build = "{\"object\":\"ade.run.event\",\"type\":\"build.completed\",\"id\":2}\n";
        assert!(!shown(vec![Ok(build.into())]).1.completed);
    }
}
