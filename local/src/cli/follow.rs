//! Following a run to its end, whatever happens to the connection.

use std::time::{Duration, Instant};

use ade_core::eventlog::EventBody;
use ade_core::id::{BuildId, RunId};

use super::CliError;
use super::client::{ApiError, Client, EventStream, ReceivedEvent};
use super::display::{print_line, visible};

/// How long a server may stay out of reach before following is given up. The run itself goes on.
const PATIENCE: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whose events are followed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Followed {
    /// A run's.
    Run(RunId),
    /// A build's.
    Build(BuildId),
}

impl Followed {
    /// Its path in the API.
    pub(super) fn path(self) -> String {
        match self {
            Self::Run(id) => format!("/runs/{id}"),
            Self::Build(id) => format!("/builds/{id}"),
        }
    }

    /// Whether an event of its log is the last. The log of a run also tells of the ends of builds.
    fn ends_with(self, event: &ReceivedEvent) -> bool {
        match (self, event.event.as_ref().map(|event| &event.body)) {
            (Self::Run(_), Some(EventBody::RunCompleted { .. })) => true,
            (Self::Build(id), Some(EventBody::BuildCompleted { .. })) => {
                event.event.as_ref().is_some_and(|event| event.build_id == Some(id))
            }
            _ => false,
        }
    }
}

/// The events of a run or build, each exactly once and in order.
///
/// A stream that ends before the last was cut: by the network, by a restarted server, by a function whose time was up. It is
/// resumed after the last event that was read.
pub(super) struct Follower<'a> {
    client: &'a Client,
    of: Followed,
    last_id: u64,
    stream: Option<EventStream>,
    over: bool,
}

impl<'a> Follower<'a> {
    /// Goes on from a stream that was just opened, whose next event is the one after `last_id`.
    pub(super) fn new(client: &'a Client, of: Followed, last_id: u64, stream: Option<EventStream>) -> Self {
        Self { client, of, last_id, stream, over: false }
    }

    /// The next event; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<ReceivedEvent>, ApiError> {
        if self.over {
            return Ok(None);
        }
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::ZERO;
        loop {
            if let Some(event) = self.read().await? {
                self.last_id = event.id;
                self.over = self.of.ends_with(&event);
                return Ok(Some(event));
            }
            // A stream that was cut is opened again at once, but one that brings nothing is asked for less and less often.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            match self.client.events(self.of, self.last_id, true).await {
                Ok(stream) => self.stream = Some(stream),
                Err(error) if is_passing(&error) && Instant::now() < deadline => {}
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

/// Prints the lines that a run or build printed, or its events as JSON. With `follow`, until it is over, and then what the command
/// ends with is how that ended: 0 when it went well, else the exit code of what failed, or 1.
pub(super) async fn follow_logs(client: &Client, of: Followed, follow: bool, json: bool) -> Result<(), CliError> {
    let show = |event: &ReceivedEvent| match &event.event {
        _ if json => print_line(&event.line),
        Some(event) => {
            if let EventBody::RunLog(line) | EventBody::BuildLog(line) = &event.body {
                print_line(visible(&line.message).as_bytes());
            }
        }
        None => {}
    };
    if !follow {
        // An answer may end before the log does; the one after the log's last event is empty.
        let (mut shown, mut last) = (None, 0);
        while shown != Some(last) {
            shown = Some(last);
            let mut stream = client.events(of, last, false).await?;
            while let Some(event) = stream.next().await? {
                show(&event);
                last = event.id;
            }
        }
        return Ok(());
    }
    let mut follower = Follower::new(client, of, 0, None);
    let mut last = None;
    while let Some(event) = follower.next().await? {
        show(&event);
        last = event.event;
    }
    last.map_or(Ok(()), |last| verdict(of, last.body))
}

/// How a command ends that followed something to its last event.
pub(super) fn verdict(of: Followed, last: EventBody) -> Result<(), CliError> {
    let (EventBody::RunCompleted { status, exit_code, error_message, summary, .. }
    | EventBody::BuildCompleted { status, exit_code, error_message, summary }) = last
    else {
        return Ok(());
    };
    if matches!(status.as_str(), "succeeded" | "active") {
        return Ok(());
    }
    let (what, id) = match of {
        Followed::Run(id) => ("run", id.to_string()),
        Followed::Build(id) => ("build", id.to_string()),
    };
    let reason = error_message.or(summary);
    let ended = if status == "canceled" { "was canceled" } else { "failed" };
    let code = exit_code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code > 0).unwrap_or(1);
    let reason = reason.map_or_else(|| "no reason was recorded".to_owned(), |reason| visible(&reason));
    let hint = format!("see all about it with `ade {what}s show {id}`, and what it printed with `ade {what}s logs {id}`");
    Err(CliError::ended(code, format!("the {what} {ended}: {reason}")).hint(hint))
}

fn is_passing(error: &ApiError) -> bool {
    match error {
        ApiError::Unreachable { .. } => true,
        ApiError::Refused(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
        ApiError::Answer(_) | ApiError::File { .. } => false,
    }
}
