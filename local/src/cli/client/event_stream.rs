//! Events as they arrive: a line of JSON each.

use ade_core::eventlog::Event;
use bytes::{Buf as _, Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use reqwest::Response;
use serde::Deserialize;

use super::api_error::ApiError;

/// The longest event line accepted; the server cuts messages at 64 KiB.
const LINE_LIMIT: usize = 4 << 20;

/// An event, and the line it came in.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ReceivedEvent {
    /// Its place in the log.
    pub(in crate::cli) id: u64,
    /// What it says, when this version knows its type.
    pub(in crate::cli) event: Option<Event>,
    /// The line, without its end.
    pub(in crate::cli) line: Bytes,
}

/// Events as they arrive.
pub(in crate::cli) struct EventStream {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
}

impl EventStream {
    pub(super) fn of(answer: Response) -> Self {
        Self::new(answer.bytes_stream())
    }

    fn new(body: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static) -> Self {
        Self { body: body.boxed(), buffer: BytesMut::new(), searched: 0 }
    }

    /// The next event; `None` when the stream has ended or was cut. A half line at the end is not an event.
    pub(in crate::cli) async fn next(&mut self) -> Result<Option<ReceivedEvent>, ApiError> {
        loop {
            while let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + end).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                if let Some(event) = parse(line)? {
                    return Ok(Some(event));
                }
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LINE_LIMIT {
                return Err(ApiError::Answer(format!("an event of more than {LINE_LIMIT} bytes")));
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }
}

/// Reads a line; heartbeats and blank lines are no events.
fn parse(line: Bytes) -> Result<Option<ReceivedEvent>, ApiError> {
    #[derive(Deserialize)]
    struct Head {
        id: Option<u64>,
    }
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let head: Head = serde_json::from_slice(&line).map_err(|error| ApiError::Answer(format!("an event is not JSON: {error}")))?;
    Ok(head.id.map(|id| ReceivedEvent { id, event: serde_json::from_slice(&line).ok(), line }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const LINES: &str = concat!(
        r#"{"object":"ade.run.event","type":"run.started","run_id":"run_01JZX3Q4T5V6W7X8Y9ZABCDEFG","id":2,"created":1,"elapsed_ms":1,"attempt":1}"#,
        "\n",
        "{\"type\":\"heartbeat\"}\n\n",
        r#"{"object":"ade.run.event","type":"run.sang","id":3,"created":1,"elapsed_ms":1}"#,
        "\n",
        r#"{"object":"ade.run.event","type":"run.log","id":4,"#,
    );

    fn read_all(chunks: Vec<Vec<u8>>) -> Vec<ReceivedEvent> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stream = EventStream::new(futures::stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk)))));
            let mut events = Vec::new();
            while let Some(event) = stream.next().await.unwrap() {
                events.push(event);
            }
            events
        })
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_how_bytes_arrive(cuts in prop::collection::vec(0..LINES.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            cuts.push(LINES.len());
            let mut start = 0;
            let chunks = cuts.into_iter().map(|end| { let chunk = LINES.as_bytes()[start..end].to_vec(); start = end; chunk }).collect();
            let events = read_all(chunks);
            // The heartbeat is no event, the half line at the end is not one yet.
            prop_assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), vec![2, 3]);
            prop_assert!(events[0].event.is_some());
            prop_assert!(events[1].event.is_none(), "an unknown type is passed on as a line only");
        }
    }
}
