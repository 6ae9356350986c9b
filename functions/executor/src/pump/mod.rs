//! From a process's pipes to the event log.
//!
//! Both streams are read concurrently as bytes, cut into lines, and appended in batches: the order within each stream is kept,
//! between the streams it is the order of arrival. The log waits when storage is slower than the process prints, and then the
//! pipes fill up and the process waits too, so memory stays bounded whatever is printed. Past the quota lines are only counted.

mod engine_line;
mod lines;

use std::collections::VecDeque;

use ade_core::eventlog::{EventBody, LogLevel, LogLine, LogStream, LogWriter, WriterClosed};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use lines::{Line, Splitter};

pub use lines::LINE_LIMIT;

/// Bytes read at once from a pipe.
const CHUNK: usize = 64 << 10;
/// Lines appended at once: a chunk of very short lines becomes much longer as events.
const BATCH: usize = 1024;
/// Lines of standard error that are remembered for an error message.
const TAIL_LINES: usize = 12;
/// Bytes of a remembered line.
const TAIL_LINE_BYTES: usize = 500;
/// The engine's last event of a run: what it found, in full.
const COMPLETED: &str = "engine.run.completed";
/// The engine's report on a config.
const VALIDATED: &str = "engine.config.validated";

/// What may be kept of a process's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Lines.
    pub lines: u64,
    /// Bytes, as printed; of a cut line what was kept.
    pub bytes: u64,
}

/// Moves output to a log, of one process after another under one quota.
#[derive(Debug)]
pub struct Pump {
    quota: Quota,
    wrap: fn(LogLine) -> EventBody,
    kept: Quota,
    dropped: u64,
    seen: Seen,
}

/// What was noticed in the output of a process.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Seen {
    /// The last plain lines of standard error.
    pub tail: VecDeque<String>,
    /// The data of the engine's completion event.
    pub completed: Option<Value>,
    /// The data of the engine's report on a config.
    pub validated: Option<Value>,
}

/// Why output could not be moved to the log.
#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    /// The log can't be written any more.
    #[error(transparent)]
    Log(#[from] WriterClosed),
    /// A pipe can't be read.
    #[error("the output of a process could not be read: {0}")]
    Pipe(#[from] std::io::Error),
}

/// Where events go.
pub trait Sink {
    /// Takes events.
    fn append(&self, events: impl IntoIterator<Item = EventBody>) -> impl Future<Output = Result<(), WriterClosed>>;
}

impl Sink for LogWriter {
    fn append(&self, events: impl IntoIterator<Item = EventBody>) -> impl Future<Output = Result<(), WriterClosed>> {
        Self::append(self, events)
    }
}

/// For processes of which only counts what is noticed in their output.
#[derive(Debug)]
pub struct Nowhere;

impl Sink for Nowhere {
    async fn append(&self, events: impl IntoIterator<Item = EventBody>) -> Result<(), WriterClosed> {
        events.into_iter().for_each(drop);
        Ok(())
    }
}

impl Pump {
    /// A pump into logs whose lines are `wrap`ped as events.
    pub fn new(quota: Quota, wrap: fn(LogLine) -> EventBody) -> Self {
        Self { quota, wrap, kept: Quota { lines: 0, bytes: 0 }, dropped: 0, seen: Seen::default() }
    }

    /// Moves what a process prints until both its streams end, and says what was noticed.
    pub async fn run(
        &mut self,
        log: &impl Sink,
        mut stdout: impl AsyncRead + Unpin,
        mut stderr: impl AsyncRead + Unpin,
    ) -> Result<Seen, PumpError> {
        let (mut out, mut err) = (Pipe::new(LogStream::Stdout), Pipe::new(LogStream::Stderr));
        while out.open || err.open {
            tokio::select! {
                read = stdout.read(&mut out.buffer), if out.open => self.pass(log, &mut out, read?).await?,
                read = stderr.read(&mut err.buffer), if err.open => self.pass(log, &mut err, read?).await?,
            }
        }
        Ok(std::mem::take(&mut self.seen))
    }

    /// Says in the log how much of the output is missing, if any is.
    pub async fn conclude(&self, log: &impl Sink) -> Result<(), WriterClosed> {
        if self.dropped == 0 {
            return Ok(());
        }
        let text = format!("The log is full: {} lines were kept, {} more were printed.", self.kept.lines, self.dropped);
        log.append([(self.wrap)(note(text))]).await
    }

    /// Lines so far, kept or not.
    pub fn lines(&self) -> u64 {
        self.kept.lines + self.dropped
    }

    /// Lines that were not kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    async fn pass(&mut self, log: &impl Sink, pipe: &mut Pipe, read: usize) -> Result<(), WriterClosed> {
        let Pipe { stream, buffer, splitter, open } = pipe;
        if read == 0 {
            *open = false;
            if let Some(line) = splitter.finish() {
                let body = self.admit(*stream, &line);
                log.append(body).await?;
            }
            return Ok(());
        }
        let mut lines = splitter.split(&buffer[..read]);
        loop {
            let (mut taken, mut bodies) = (0, 0);
            let batch = lines.by_ref().take(BATCH).inspect(|_| taken += 1).filter_map(|line| self.admit(*stream, &line));
            let mut batch = batch.inspect(|_| bodies += 1).peekable();
            if batch.peek().is_some() {
                log.append(batch).await?;
            }
            if taken < BATCH {
                return Ok(());
            }
            if bodies == 0 {
                // A flood that is only counted must not keep heartbeats from being sent.
                tokio::task::yield_now().await;
            }
        }
    }

    /// The event of a line, unless the quota is used up.
    fn admit(&mut self, stream: LogStream, line: &Line<'_>) -> Option<EventBody> {
        let bytes = self.kept.bytes + line.bytes.len() as u64;
        if self.dropped == 0 && self.kept.lines < self.quota.lines && bytes <= self.quota.bytes {
            self.kept = Quota { lines: self.kept.lines + 1, bytes };
            let line = engine_line::read(stream, line);
            self.seen.notice(&line);
            return Some((self.wrap)(line));
        }
        self.dropped += 1;
        if stream == LogStream::Stderr && memchr::memmem::find(&line.bytes, COMPLETED.as_bytes()).is_some() {
            self.seen.notice(&engine_line::read(stream, line));
        }
        (self.dropped == 1).then(|| {
            let Quota { lines, bytes } = self.quota;
            (self.wrap)(note(format!("The log is full ({lines} lines or {bytes} bytes): further lines are counted, not kept.")))
        })
    }
}

impl Seen {
    fn notice(&mut self, line: &LogLine) {
        match line.name.as_deref() {
            Some(COMPLETED) => self.completed.clone_from(&line.data),
            Some(VALIDATED) => self.validated.clone_from(&line.data),
            _ => {}
        }
        if line.stream == LogStream::Stderr && line.name.is_none() && !line.message.trim().is_empty() {
            if self.tail.len() == TAIL_LINES {
                self.tail.pop_front();
            }
            self.tail.push_back(ade_core::layout::truncate(&line.message, TAIL_LINE_BYTES).to_owned());
        }
    }
}

/// A line of our own about the output.
fn note(text: String) -> LogLine {
    LogLine { level: Some(LogLevel::Warning), ..LogLine::plain(LogStream::Stderr, text) }
}

struct Pipe {
    stream: LogStream,
    buffer: Box<[u8]>,
    splitter: Splitter,
    open: bool,
}

impl Pipe {
    fn new(stream: LogStream) -> Self {
        Self { stream, buffer: vec![0; CHUNK].into_boxed_slice(), splitter: Splitter::default(), open: true }
    }
}
