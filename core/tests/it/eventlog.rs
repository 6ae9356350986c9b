//! The event log: whatever happens between owners, every reader sees 1, 2, 3 … once, and all readers see the same.

use std::time::Duration;

use ade_core::eventlog::{
    Event, EventBody, Follow, LogLine, LogSource, LogStream, LogWriter, PageLimits, SegmentName, follow, page, read_all,
};
use ade_core::lease::{Executable as _, Lease, LeaseError};
use ade_core::run::{Run, RunStatus};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use proptest::prelude::*;
use tokio::sync::mpsc;

use crate::lease::{outcome, won};
use crate::stack::TestStack;

fn line(message: impl Into<String>) -> EventBody {
    EventBody::RunLog(LogLine::plain(LogStream::Stdout, message))
}

fn writer(stack: &TestStack, lease: &Lease<Run>, run: &Run, relay: Option<mpsc::Sender<Bytes>>) -> LogWriter {
    LogWriter::start(lease.clone(), stack.objects.clone(), run.log_head().prefix, run.subject(), run.created, relay)
}

fn parse(chunks: &[Bytes]) -> Vec<Event> {
    let whole: Vec<u8> = chunks.concat();
    whole.split_inclusive(|b| *b == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

async fn read_to_end(stack: &TestStack, run: &Run, after_id: u64) -> Vec<Event> {
    let source = LogSource::<Run>::new(stack.tables.clone(), run.run_id);
    let chunks: Vec<Bytes> = follow(source, stack.objects.clone(), Follow { after_id, live: true }).try_collect().await.unwrap();
    parse(&chunks)
}

fn ids(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn a_log_is_written_relayed_followed_and_paged_alike() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let (lease, record) = won(&stack, &run).await;
    let (sender, receiver) = mpsc::channel(64);
    let writer = writer(&stack, &lease, &run, Some(sender));
    let follower = read_to_end(&stack, &run, 0);
    let writing = async {
        for n in 0..2500 {
            writer.append([line(format!("line {n}"))]).await.unwrap();
        }
        writer.flush().await.unwrap();
        let closed = writer.close().await.unwrap();
        assert_eq!(closed.last_id, 2501);
        stack.runs.finish(&lease, &record, closed.last_id, RunStatus::Succeeded, outcome(RunStatus::Succeeded)).await.unwrap()
    };
    let relayed = tokio_stream_of(receiver).collect::<Vec<Bytes>>();
    let (followed, finished, relayed) = futures::join!(follower, writing, relayed);

    assert_eq!(ids(&followed), (1..=2502).collect::<Vec<_>>());
    assert!(matches!(followed[0].body, EventBody::RunCreated { .. }) && matches!(followed[2501].body, EventBody::RunCompleted { .. }));
    assert_eq!(parse(&relayed), followed[1..2501], "the relay carries the committed lines");
    let all: Vec<Bytes> = read_all(&stack.objects, finished.log_head()).try_collect().await.unwrap();
    assert_eq!(parse(&all), followed);

    let (mut paged, mut after) = (Vec::new(), Some(0));
    while let Some(id) = after {
        let page = page(&stack.objects, &finished.log_head(), id, None, PageLimits { lines: 999, bytes: 4 << 20 }).await.unwrap();
        paged.extend(page.events);
        after = page.next_after_id;
    }
    assert_eq!(paged, followed[1..2501]);
}

fn tokio_stream_of(mut receiver: mpsc::Receiver<Bytes>) -> impl futures::Stream<Item = Bytes> {
    futures::stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// A run whose seven attempts each left one segment, finished.
async fn run_of_seven_attempts(stack: &TestStack) -> Run {
    let run = stack.run().await;
    for attempt in 0..7u32 {
        let (lease, record) = won(stack, &run).await;
        let writer = writer(stack, &lease, &run, None);
        writer.append((0..=attempt).map(|n| line(format!("{attempt}.{n}")))).await.unwrap();
        let closed = writer.close().await.unwrap();
        if attempt < 6 {
            lease.give_back(&record).await.unwrap();
        } else {
            return stack.runs.finish(&lease, &record, closed.last_id, RunStatus::Succeeded, outcome(RunStatus::Succeeded)).await.unwrap();
        }
    }
    unreachable!("the last attempt returns")
}

#[tokio::test]
async fn every_cursor_gives_exactly_the_rest() {
    let stack = TestStack::start().await;
    let run = run_of_seven_attempts(&stack).await;
    let last = run.execution.last_event_id;
    let all = read_to_end(&stack, &run, 0).await;
    assert_eq!(ids(&all), (1..=last).collect::<Vec<_>>());
    for after in 0..=last + 2 {
        let rest = read_to_end(&stack, &run, after).await;
        assert_eq!(rest, all[usize::try_from(after.min(last)).unwrap()..], "after {after}");
    }
}

#[tokio::test]
async fn a_writer_whose_lease_is_lost_says_so() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let (lease, record) = won(&stack, &run).await;
    let writer = writer(&stack, &lease, &run, None);
    lease.give_back(&record).await.unwrap();
    let closed = writer.closed();
    writer.append([line("too late")]).await.unwrap();
    closed.await;
    assert!(writer.flush().await.is_err());
    assert!(writer.append([line("later still")]).await.is_err());
    assert!(matches!(writer.close().await, Err(LeaseError::Lost)));
    assert_eq!(stack.runs.get(run.run_id).await.unwrap().unwrap().execution.last_event_id, 1);
}

#[tokio::test]
async fn a_slow_relay_is_cut_and_the_log_goes_on() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let (lease, _) = won(&stack, &run).await;
    let (sender, receiver) = mpsc::channel(1);
    let writer = writer(&stack, &lease, &run, Some(sender));
    for n in 0..3 {
        writer.append([line(format!("{n}"))]).await.unwrap();
        writer.flush().await.unwrap();
    }
    let closed = writer.close().await.unwrap();
    assert_eq!(closed.last_id, 4);
    assert!(closed.relay.is_none(), "a relay that missed lines gets no more");
    let relayed = tokio_stream_of(receiver).collect::<Vec<Bytes>>().await;
    assert_eq!(ids(&parse(&relayed)), [2], "what it got is a prefix");
}

/// What owners of one run do, one step after another.
#[derive(Debug, Clone)]
enum Step {
    /// Owner number `owner` (modulo those there are) stores a segment and commits it.
    Append { owner: usize, events: u64 },
    /// The newest owner stores a segment, dies before it commits, and is replaced.
    DieBeforeCommit { events: u64 },
    /// The newest owner is replaced while it thinks that all is well.
    Replace,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<usize>(), 1..6u64).prop_map(|(owner, events)| Step::Append { owner, events }),
        1 => (1..6u64).prop_map(|events| Step::DieBeforeCommit { events }),
        1 => Just(Step::Replace),
    ]
}

struct Owner {
    lease: Lease<Run>,
    record: Run,
    next_id: u64,
}

impl Owner {
    async fn claim(stack: &TestStack, run: &Run) -> Self {
        let (lease, record) = won(stack, run).await;
        Self { next_id: lease.first_id(), lease, record }
    }

    /// Stores a segment as the writer does and returns its last id and messages.
    async fn store(&self, stack: &TestStack, run: &Run, events: u64) -> (u64, Vec<String>) {
        let (mut bytes, mut messages) = (Vec::new(), Vec::new());
        for id in self.next_id..self.next_id + events {
            let message = format!("{} of owner {}", id, self.lease.fence());
            Event::new(run.subject(), id, run.created, run.created, line(message.clone())).write_line(&mut bytes);
            messages.push(message);
        }
        let last_id = self.next_id + events - 1;
        let key = SegmentName { last_id, fence: self.lease.fence() }.key(&run.log_head().prefix);
        stack.objects.create(&key, Bytes::from(bytes)).await.unwrap();
        (last_id, messages)
    }
}

async fn play(stack: &TestStack, steps: Vec<Step>, cursors: Vec<u64>) {
    let run = stack.run().await;
    let mut owners = vec![Owner::claim(stack, &run).await];
    let mut committed = Vec::new();
    let owning = async {
        for step in steps {
            let newest = owners.len() - 1;
            match step {
                Step::Append { owner, events } => {
                    let index = owner % owners.len();
                    let owner = &mut owners[index];
                    let (last_id, messages) = owner.store(stack, &run, events).await;
                    owner.next_id = last_id + 1;
                    match owner.lease.commit(last_id).await {
                        Ok(()) => {
                            assert_eq!(index, newest, "only the newest owner commits");
                            committed.extend(messages);
                        }
                        Err(LeaseError::Lost) => assert_ne!(index, newest, "the newest owner can commit"),
                        Err(error) => panic!("{error}"),
                    }
                }
                Step::DieBeforeCommit { events } => {
                    let (last_id, _) = owners[newest].store(stack, &run, events).await;
                    owners[newest].next_id = last_id + 1;
                    owners[newest].lease.give_back(&owners[newest].record).await.unwrap();
                    owners.push(Owner::claim(stack, &run).await);
                }
                Step::Replace => {
                    owners[newest].lease.give_back(&owners[newest].record).await.unwrap();
                    owners.push(Owner::claim(stack, &run).await);
                }
            }
        }
        let last = owners.last().unwrap();
        stack.runs.finish(&last.lease, &last.record, last.next_id - 1, RunStatus::Succeeded, outcome(RunStatus::Succeeded)).await.unwrap();
    };
    let following = futures::future::join_all(cursors.iter().map(|after| read_to_end(stack, &run, *after)));
    let ((), followed) = futures::join!(owning, following);

    let whole = read_to_end(stack, &run, 0).await;
    let messages: Vec<&str> =
        whole.iter().filter_map(|event| if let EventBody::RunLog(log) = &event.body { Some(log.message.as_str()) } else { None }).collect();
    assert_eq!(messages, committed, "exactly what was committed, in order");
    assert_eq!(ids(&whole), (1..=whole.len() as u64).collect::<Vec<_>>());
    for (after, seen) in cursors.into_iter().zip(followed) {
        let rest = usize::try_from(after).unwrap().min(whole.len());
        assert_eq!(seen, whole[rest..], "a follower that started after {after}, while it was written");
    }
}

#[test]
fn no_reader_misses_or_repeats_an_event_whatever_replaced_owners_do() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let stack = runtime.block_on(TestStack::start());
    let config = ProptestConfig { cases: 40, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..25), cursors in proptest::collection::vec(0..12u64, 1..4))| {
        runtime.block_on(play(&stack, steps, cursors));
    });
}

#[tokio::test]
async fn a_follower_that_does_not_wait_ends_at_the_commit_point() {
    let stack = TestStack::start().await;
    let run = stack.run().await;
    let (lease, _) = won(&stack, &run).await;
    let writer = writer(&stack, &lease, &run, None);
    writer.append([line("a"), line("b")]).await.unwrap();
    writer.flush().await.unwrap();
    let source = LogSource::<Run>::new(stack.tables.clone(), run.run_id);
    let read = follow(source, stack.objects.clone(), Follow { after_id: 1, live: false }).try_collect::<Vec<Bytes>>();
    let read = tokio::time::timeout(Duration::from_secs(30), read).await.expect("it does not wait").unwrap();
    assert_eq!(ids(&parse(&read)), [2, 3]);
}
