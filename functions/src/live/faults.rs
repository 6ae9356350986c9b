//! Whatever happens to the relay and to the client, the client reads the whole log once, and the run is executed.

#![allow(clippy::unwrap_used)]

use ade_core::access::{PrincipalKind, Submitter};
use ade_core::eventlog::{EventBody, LogLine, LogStream, LogWriter, read_all};
use ade_core::id::ConfigId;
use ade_core::layout;
use ade_core::lease::Claim;
use ade_core::run::{NewRun, Outcome, Run, RunOptions, RunStatus, Runs};
use ade_core::safe_mode::SafeMode;
use ade_local::embedded::Embedded;
use async_trait::async_trait;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use futures::TryStreamExt as _;
use rand::RngExt as _;
use std::sync::Mutex;

use super::*;

/// Lines that the engine prints.
const PRINTED: u32 = 30;

/// What goes wrong with the relay.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Nothing.
    None,
    /// There is none: Lambda refuses the call, or has no streaming.
    Refused,
    /// It is there but the call never reaches an executor.
    Lost,
    /// It ends after so many bytes, as if all were well.
    Ends(usize),
    /// It fails after so many bytes.
    Breaks(usize),
    /// After so many bytes it goes on somewhere else in the log.
    Skips(usize),
}

#[derive(Clone)]
struct Stack {
    tables: Tables,
    objects: Objects,
    runs: Runs,
}

/// Executes runs in this process, as an executor would: claim, events, finish.
struct Executor {
    stack: Stack,
    fault: Fault,
    sent: Mutex<u32>,
}

impl Stack {
    async fn start(dir: &std::path::Path) -> (Self, Embedded) {
        let embedded = Embedded::start(dir).await.unwrap();
        let keys = &embedded.credentials;
        let credentials = Credentials::new(&keys.access_key_id, &keys.secret_access_key, None, None, "test");
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials.clone())
            .endpoint_url(&embedded.dynamodb_url);
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(&embedded.s3_url)
            .force_path_style(true);
        let s3 = aws_sdk_s3::Client::from_conf(s3.build());
        let tables = Tables::new(aws_sdk_dynamodb::Client::from_conf(dynamodb.build()), "test-");
        tables.create_missing().await.unwrap();
        let objects = Objects::new(s3.clone(), s3, "test-bucket");
        objects.create_bucket().await.unwrap();
        (Self { runs: Runs::new(tables.clone(), 100, SafeMode::new(tables.clone())), tables, objects }, embedded)
    }

    async fn queued(&self) -> Run {
        let new = NewRun {
            workspace_id: WorkspaceId::generate(),
            config_id: ConfigId::generate(),
            documents: Vec::new(),
            options: RunOptions { validate_only: true, ..RunOptions::default() },
            submitted_by: Submitter { kind: PrincipalKind::ApiKey, id: "key_test".to_owned(), name: "test".to_owned() },
            trace_id: "trace".to_owned(),
        };
        self.runs.create(new).await.unwrap()
    }

    fn events(&self, run: &Run, fault: Fault) -> (impl Stream<Item = Result<Bytes, StoreError>> + Send + use<>, Arc<Executor>) {
        let executor = Arc::new(Executor { stack: self.clone(), fault, sent: Mutex::new(0) });
        let work = Work::Run(ade_core::dispatch::ExecuteRun { run_id: run.run_id });
        let dispatcher: Arc<dyn Dispatcher> = executor.clone();
        (start(dispatcher, self.tables.clone(), self.objects.clone(), run.workspace_id, work, run), executor)
    }

    /// The log as it is stored once the run is over.
    async fn log(&self, run: &Run) -> String {
        let source = LogSource::<Run>::new(self.tables.clone(), run.run_id);
        let over = follow(source, self.objects.clone(), Follow { after_id: 0, live: true });
        over.try_for_each(async |_| Ok(())).await.unwrap();
        let head = self.runs.get(run.run_id).await.unwrap().unwrap().log_head();
        let chunks: Vec<Bytes> = read_all(&self.objects, head).try_collect().await.unwrap();
        String::from_utf8(chunks.concat()).unwrap()
    }

    async fn execute(&self, run: ade_core::id::RunId) {
        let Claim::Won(won) = self.runs.claim(run).await.unwrap() else { return };
        let (lease, run) = *won;
        let prefix = layout::run_logs(run.run_id);
        let log = LogWriter::start(lease.clone(), self.objects.clone(), prefix, run.subject(), run.created, None);
        log.append([EventBody::RunStarted { attempt: 1 }]).await.unwrap();
        for n in 0..PRINTED {
            log.append([EventBody::RunLog(LogLine::plain(LogStream::Stdout, format!("line {n}")))]).await.unwrap();
            if n % 10 == 0 {
                log.flush().await.unwrap();
            }
        }
        let closed = log.close().await.unwrap();
        self.runs.finish(&lease, &run, closed.last_id, RunStatus::Succeeded, Outcome::default()).await.unwrap();
    }
}

#[async_trait]
impl Dispatcher for Executor {
    async fn send(&self, _workspace: WorkspaceId, work: Work) -> Result<(), DispatchError> {
        *self.sent.lock().unwrap() += 1;
        let Work::Run(run) = work else { return Err(DispatchError("not a run".to_owned())) };
        let stack = self.stack.clone();
        tokio::spawn(async move { stack.execute(run.run_id).await });
        Ok(())
    }

    async fn stream(&self, _workspace: WorkspaceId, work: Work) -> Result<Relay, DispatchError> {
        let Work::Run(run) = work else { return Err(DispatchError("not a run".to_owned())) };
        let (stack, fault) = (self.stack.clone(), self.fault);
        let until = match fault {
            Fault::Refused => return Err(DispatchError("TooManyRequestsException".to_owned())),
            Fault::Lost => return Ok(futures::stream::empty().boxed()),
            Fault::None => usize::MAX,
            Fault::Ends(bytes) | Fault::Breaks(bytes) | Fault::Skips(bytes) => bytes,
        };
        tokio::spawn({
            let stack = stack.clone();
            async move { stack.execute(run.run_id).await }
        });
        let source = LogSource::<Run>::new(stack.tables.clone(), run.run_id);
        let mut lines = Box::pin(follow(source, stack.objects.clone(), Follow { after_id: 1, live: true }));
        let mut left = until;
        let relay = try_stream! {
            while let Some(chunk) = lines.next().await {
                let chunk = chunk.map_err(|error| DispatchError(error.to_string()))?;
                let readable = chunk.len().min(left);
                left -= readable;
                yield chunk.slice(..readable);
                if readable < chunk.len() {
                    match fault {
                        Fault::Breaks(_) => Err(DispatchError("connection reset".to_owned()))?,
                        Fault::Skips(_) => {
                            let next = chunk[readable..].iter().position(|byte| *byte == b'\n').map_or(chunk.len(), |end| readable + end + 1);
                            yield Bytes::from_static(b"\n");
                            yield chunk.slice(next..);
                        }
                        _ => break,
                    }
                }
            }
        };
        Ok(relay.boxed())
    }
}

#[tokio::test]
async fn the_client_reads_the_whole_log_once() {
    let dir = tempfile::tempdir().unwrap();
    let (stack, _embedded) = Stack::start(dir.path()).await;
    let mut faults = vec![Fault::None, Fault::Refused, Fault::Lost];
    for bytes in [0, 1, 150, 700, 3000] {
        faults.extend([Fault::Ends(bytes), Fault::Breaks(bytes), Fault::Skips(bytes)]);
    }
    // And anywhere: after the headers, in the middle of an event, right before the last one.
    for _ in 0..24 {
        let bytes = rand::rng().random_range(0..8000);
        faults.push(match rand::rng().random_range(0..3) {
            0 => Fault::Ends(bytes),
            1 => Fault::Breaks(bytes),
            _ => Fault::Skips(bytes),
        });
    }
    for fault in faults {
        let run = stack.queued().await;
        let (events, executor) = stack.events(&run, fault);
        let chunks: Vec<Bytes> = events.try_collect().await.unwrap();
        let seen = String::from_utf8(chunks.concat()).unwrap();
        assert_eq!(seen, stack.log(&run).await, "{fault:?}");
        let ids: Vec<u64> = seen.lines().map(|line| serde_json::from_str::<Line>(line).unwrap().id).collect();
        assert_eq!(ids, (1..=u64::from(PRINTED) + 3).collect::<Vec<_>>(), "{fault:?}");
        let relayed = seen.len() - seen.find('\n').unwrap() - 1;
        let whole = match fault {
            Fault::None => true,
            Fault::Refused | Fault::Lost => false,
            Fault::Ends(bytes) | Fault::Breaks(bytes) | Fault::Skips(bytes) => bytes >= relayed,
        };
        let asked_again = *executor.sent.lock().unwrap();
        assert_eq!(asked_again, u32::from(!whole), "{fault:?} of {relayed} bytes");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (stack, _embedded) = Stack::start(dir.path()).await;
    for fault in [Fault::None, Fault::Refused] {
        for read in 0..3 {
            let run = stack.queued().await;
            let (events, _executor) = stack.events(&run, fault);
            let seen: Vec<Bytes> = events.take(read).try_collect().await.unwrap();
            assert_eq!(seen.len(), read);
            assert_eq!(stack.log(&run).await.lines().count(), PRINTED as usize + 3, "{fault:?} after {read}");
        }
    }
}
