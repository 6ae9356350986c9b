//! Following a run to its end, whatever happens to the connection.

use std::time::{Duration, Instant};

use ade_core::eventlog::EventBody;
use ade_core::id::RunId;

use super::client::{ApiError, Client, EventStream, ReceivedEvent};

/// How long a server may stay out of reach before following is given up. The run itself goes on.
const PATIENCE: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A run's events, each exactly once and in order.
///
/// A stream that ends before the run was cut: by the network, by a restarted server, by a function whose time was up. It is
/// resumed after the last event that was read.
pub(super) struct Follower<'a> {
    client: &'a Client,
    run: RunId,
    last_id: u64,
    stream: Option<EventStream>,
    over: bool,
}

impl<'a> Follower<'a> {
    /// Goes on from a stream that was just opened, whose next event is the one after `last_id`.
    pub(super) fn new(client: &'a Client, run: RunId, last_id: u64, stream: Option<EventStream>) -> Self {
        Self { client, run, last_id, stream, over: false }
    }

    /// The next event; `None` after the one that completes the run.
    pub(super) async fn next(&mut self) -> Result<Option<ReceivedEvent>, ApiError> {
        if self.over {
            return Ok(None);
        }
        let deadline = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(event) = self.read().await? {
                self.last_id = event.id;
                self.over = completes(&event);
                return Ok(Some(event));
            }
            match self.client.events(self.run, self.last_id, true).await {
                Ok(stream) => self.stream = Some(stream),
                Err(error) if is_passing(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The next event of the open stream; `None` when another stream is needed.
    async fn read(&mut self) -> Result<Option<ReceivedEvent>, ApiError> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        while let Some(event) = stream.next().await? {
            if event.id == self.last_id + 1 {
                return Ok(Some(event));
            }
            // One that was read already is passed over; a later one means that some are missing here.
            if event.id > self.last_id {
                break;
            }
        }
        self.stream = None;
        Ok(None)
    }
}

fn completes(event: &ReceivedEvent) -> bool {
    matches!(event.event.as_ref().map(|event| &event.body), Some(EventBody::RunCompleted { .. }))
}

fn is_passing(error: &ApiError) -> bool {
    match error {
        ApiError::Unreachable { .. } => true,
        ApiError::Refused(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
        ApiError::Answer(_) | ApiError::File { .. } => false,
    }
}
