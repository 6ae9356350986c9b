//! An execution environment: one child process of a function's binary, its own Runtime API, and its supervision.
//!
//! The Runtime API listens on a port of its own for every environment, as on AWS, so a process can reach its own
//! invocation only and the host knows whose request it is looking at. The environment is always in one phase, each
//! with the moment at which it must be over: *starting* (until it asks for work), *busy* (until the invocation's
//! deadline) and *idle* (until it is not worth its memory). Whatever ends it, the order is the same: the process is
//! reaped, what it has already written to its sockets is read, the invocation it still owes is failed, and only then
//! does the pool forget it.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, unix::pipe},
    process::Command,
    sync::watch,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    FunctionSpec,
    invocation::{Fault, FaultKind, Invocation, RequestId},
    lock,
    net::{self, Limits},
    pool::{EnvironmentId, Pending, Pool, Reply, Stage},
    process::Process,
    runtime_api,
};

/// How long a process may take before it asks for its first invocation. AWS gives 10 s; a loaded laptop gets more.
const INIT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the sockets and the output of a process that is gone are read on. Both end by themselves at once, unless
/// something it has started still holds them.
const AFTER_LIFE: Duration = Duration::from_millis(500);

/// How long an idle process may go on without a connection to its Runtime API.
const HANG_UP: Duration = Duration::from_secs(1);

/// What the supervisor, the Runtime API and the pool know about one environment.
pub(super) struct Environment {
    pub(super) pool: Arc<Pool>,
    id: EnvironmentId,
    current: Mutex<Current>,
    phase: watch::Sender<Phase>,
    fate: watch::Sender<Option<Fate>>,
}

#[derive(Default)]
struct Current {
    stage: Stage,
    invocation: Option<InFlight>,
    /// The error document of a process that could not initialise.
    init_error: Option<Bytes>,
}

struct InFlight {
    request_id: RequestId,
    /// Taken by whoever answers, so that an invocation is answered once.
    reply: Option<Reply>,
}

#[derive(Clone, Copy)]
struct Phase {
    kind: PhaseKind,
    until: Instant,
}

#[derive(Clone, Copy)]
enum PhaseKind {
    Starting,
    Busy,
    Idle,
}

/// How an environment ended.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// The process ended on its own, after having reported this error document (or none).
    Exited(String, Option<Bytes>),
    NotStarted(String),
    InitTimedOut,
    TimedOut(Duration),
    Retired,
    Stopped,
}

impl Fate {
    /// What the invocation that met this fate tells its caller, in the words of AWS Lambda.
    pub(super) fn fault(&self, request_id: RequestId) -> Fault {
        let fault = |kind, error_type, error: &str| Fault::new(kind, error_type, &format!("RequestId: {request_id} Error: {error}"));
        match self {
            Self::Exited(_, Some(document)) => Fault { kind: FaultKind::Exit, payload: document.clone() },
            Self::Exited(status, None) => fault(FaultKind::Exit, "Runtime.ExitError", &format!("Runtime exited with error: {status}")),
            Self::NotStarted(error) => fault(FaultKind::Exit, "Runtime.InvalidEntrypoint", error),
            Self::InitTimedOut => fault(FaultKind::Timeout, "Sandbox.Timedout", "Initialisation timed out"),
            Self::TimedOut(timeout) => {
                let error = format!("Task timed out after {:.2} seconds", timeout.as_secs_f64());
                fault(FaultKind::Timeout, "Sandbox.Timedout", &error)
            }
            Self::Retired | Self::Stopped => fault(FaultKind::Stopped, "Runtime.ExitError", "The host is stopping"),
        }
    }

    /// The line for the function's log; `None` for ends that are nobody's concern.
    fn log_line(&self, pid: i32) -> Option<String> {
        Some(match self {
            Self::Exited(status, _) => format!("ade: process {pid} ended: {status}\n"),
            Self::NotStarted(error) => format!("ade: the process could not be started: {error}\n"),
            Self::InitTimedOut => format!("ade: process {pid} did not ask for work within {INIT_TIMEOUT:?}; killed\n"),
            Self::TimedOut(timeout) => format!("ade: process {pid} timed out after {timeout:?}; killed\n"),
            Self::Retired | Self::Stopped => return None,
        })
    }
}

/// The life of an environment, from start to reaped.
pub(super) async fn run(pool: Arc<Pool>, id: EnvironmentId) {
    let (phase, _) = watch::channel(Phase { kind: PhaseKind::Starting, until: Instant::now() + INIT_TIMEOUT });
    let (fate, _) = watch::channel(None);
    let environment = Arc::new(Environment { pool, id, current: Mutex::default(), phase, fate });
    let fate = match environment.live().await {
        Ok(fate) => fate,
        Err(error) => {
            let fate = Fate::NotStarted(format!("{}: {error}", environment.pool.spec.binary.display()));
            tracing::error!(function = %environment.pool.spec.name, %error, "cannot start a function");
            if let Some(line) = fate.log_line(0) {
                environment.pool.log.append(line.as_bytes());
            }
            fate
        }
    };
    let stage = environment.fail_current(&fate);
    environment.pool.ended(id, stage, &fate);
}

impl Environment {
    async fn live(self: &Arc<Self>) -> io::Result<Fate> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (output, command) = command(&self.pool.spec, self.id, listener.local_addr()?)?;
        let mut process = self.pool.shared.spawner.spawn(command).await?;
        tracing::debug!(function = %self.pool.spec.name, pid = process.pid(), "started an environment");

        let api_stop = CancellationToken::new();
        let limits = Limits { head_timeout: None, drain: AFTER_LIFE };
        let environment = self.clone();
        let api = net::serve(listener, api_stop.clone(), limits, move |request, _peer| runtime_api::answer(environment.clone(), request));
        let supervised = async {
            // Whatever happens here, the other two must not wait for ever.
            let _stop_api = api_stop.clone().drop_guard();
            let fate = self.supervise(&mut process).await?;
            if let Some(line) = fate.log_line(process.pid()) {
                self.pool.log.append(line.as_bytes());
            }
            tracing::debug!(function = %self.pool.spec.name, pid = process.pid(), ?fate, "an environment ended");
            self.fate.send_replace(Some(fate.clone()));
            Ok(fate)
        };
        let captured = async {
            let over = async {
                api_stop.cancelled().await;
                tokio::time::sleep(AFTER_LIFE).await;
            };
            tokio::select! {
                () = self.pool.log.capture(output) => {}
                () = over => {}
            }
        };
        let (fate, (), ()) = tokio::join!(supervised, api, captured);
        fate
    }

    /// Watches the process until it has ended, by itself or because its phase was over, and was reaped.
    async fn supervise(&self, process: &mut Process) -> io::Result<Fate> {
        let shared = &self.pool.shared;
        let mut phases = self.phase.subscribe();
        let mut overtime = Duration::ZERO;
        loop {
            let phase = *phases.borrow_and_update();
            tokio::select! {
                status = process.exited() => {
                    let init_error = lock(&self.current).init_error.take();
                    return Ok(Fate::Exited(describe(status?), init_error));
                }
                () = shared.stop.cancelled() => {
                    process.stop(shared.stop_grace).await?;
                    return Ok(Fate::Stopped);
                }
                // The sender lives in `self`.
                _ = phases.changed() => overtime = Duration::ZERO,
                () = tokio::time::sleep_until(phase.until + overtime) => match phase.kind {
                    PhaseKind::Starting => {
                        process.kill().await?;
                        return Ok(Fate::InitTimedOut);
                    }
                    PhaseKind::Busy => {
                        process.kill().await?;
                        return Ok(Fate::TimedOut(self.pool.spec.timeout));
                    }
                    PhaseKind::Idle if self.pool.retire(self.id) || !overtime.is_zero() => {
                        process.stop(shared.stop_grace).await?;
                        return Ok(Fate::Retired);
                    }
                    // Not on the idle stack: work is on its way and the phase is about to change, or the process has
                    // hung up without ending.
                    PhaseKind::Idle => overtime = HANG_UP,
                },
            }
        }
    }

    /// The process asks for work: the previous invocation is over, and the next one begins when there is one.
    pub(super) async fn next(&self) -> Option<Event> {
        let stage = {
            let mut current = lock(&self.current);
            if let Some(InFlight { request_id, reply: Some(reply) }) = current.invocation.take() {
                let error = format!("RequestId: {request_id} Error: the function did not answer");
                reply.send(Err(Fault::new(FaultKind::Exit, "Runtime.NoAnswer", &error).into()));
            }
            std::mem::replace(&mut current.stage, Stage::Working)
        };
        self.enter(PhaseKind::Idle, self.pool.spec.idle_timeout);
        let Pending { invocation, reply, .. } = self.pool.next(self.id, stage).await?;
        let timeout = self.pool.spec.timeout;
        lock(&self.current).invocation = Some(InFlight { request_id: invocation.request_id, reply: Some(reply) });
        self.enter(PhaseKind::Busy, timeout);
        let deadline = SystemTime::now() + timeout;
        Some(Event { invocation, deadline_ms: deadline.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64) })
    }

    /// The place of the answer to this invocation; `None` unless it is the current one and not answered yet.
    pub(super) fn take_reply(&self, request_id: &str) -> Option<(RequestId, Reply)> {
        let mut current = lock(&self.current);
        let in_flight = current.invocation.as_mut().filter(|it| it.request_id.to_string() == request_id)?;
        in_flight.reply.take().map(|reply| (in_flight.request_id, reply))
    }

    /// True while this invocation waits for its answer.
    pub(super) fn owes(&self, request_id: &str) -> bool {
        let current = lock(&self.current);
        current.invocation.as_ref().is_some_and(|it| it.reply.is_some() && it.request_id.to_string() == request_id)
    }

    /// The answer is complete, and the process will ask for work. Called before the caller hears of it, who may be back
    /// with another invocation sooner than the process.
    pub(super) fn settle(&self) {
        let mut current = lock(&self.current);
        if current.stage == Stage::Working {
            current.stage = Stage::Settling;
            // Under the lock, so that the pool hears of an end after this and never before.
            self.pool.settle();
        }
    }

    /// Remembers why the process could not initialise, for the invocation that wanted it.
    pub(super) fn set_init_error(&self, document: Bytes) {
        lock(&self.current).init_error = Some(document);
    }

    /// Why a connection of the process broke: its fate, once known. A process that lives on has cut it itself.
    pub(super) async fn fault_of_broken_connection(&self, request_id: RequestId) -> Fault {
        let mut fates = self.fate.subscribe();
        let fate = match tokio::time::timeout(Duration::from_secs(2), fates.wait_for(Option::is_some)).await {
            Ok(Ok(fate)) => fate.clone(),
            _ => None,
        };
        fate.unwrap_or_else(|| Fate::Exited("the function cut its answer".to_owned(), None)).fault(request_id)
    }

    /// Fails the invocation that the process still owes, and says how far the process had come.
    fn fail_current(&self, fate: &Fate) -> Stage {
        let Current { stage, invocation, .. } = std::mem::take(&mut *lock(&self.current));
        if let Some(InFlight { request_id, reply: Some(reply) }) = invocation {
            reply.send(Err(fate.fault(request_id).into()));
        }
        stage
    }

    fn enter(&self, kind: PhaseKind, limit: Duration) {
        self.phase.send_replace(Phase { kind, until: Instant::now() + limit });
    }
}

/// What `/next` gives to a process.
pub(super) struct Event {
    pub(super) invocation: Invocation,
    /// Unix time in milliseconds.
    pub(super) deadline_ms: u64,
}

/// The command of a function's process, and the reading end of its output (stdout and stderr together).
///
/// The process sees what its function declares and what Lambda adds, never the host's own environment. Names that
/// Lambda reserves cannot be overridden by a declaration; the others can.
fn command(spec: &FunctionSpec, id: EnvironmentId, runtime_api: std::net::SocketAddr) -> io::Result<(pipe::Receiver, Command)> {
    let (reader, stdout) = io::pipe()?;
    let stderr = stdout.try_clone()?;
    let task_root = spec.binary.parent().unwrap_or(std::path::Path::new("/"));
    let mut command = Command::new(&spec.binary);
    command
        .current_dir(task_root)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TMPDIR", std::env::temp_dir())
        .env("LANG", "C.UTF-8")
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .env("LAMBDA_TASK_ROOT", task_root)
        .env("AWS_LAMBDA_FUNCTION_NAME", &spec.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory_mb.to_string())
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", spec.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{:08}", id.0))
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr);
    Ok((pipe::Receiver::from_owned_fd(reader.into())?, command))
}

/// The end of a process as AWS words it: `exit status 1`, `signal: 9`.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
