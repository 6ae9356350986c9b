//! The Lambda host: runs the function binaries on this machine the way AWS runs them in the cloud.
//!
//! # The idea
//!
//! A function is a binary that asks for its next event over HTTP, answers it, and asks again. On AWS the other end of
//! that conversation is the Lambda service; here it is this module. Nothing in a function can tell the difference, so
//! nothing in a function has to: the same binaries, driven by the same events, are what is deployed.
//!
//! ```text
//!  clients ──HTTP──▶ gateway ─────┐                      ┌─▶ environment ◀─Runtime API─ process
//!                                 ├─▶ pool (a function) ─┤
//!  functions ──SDK──▶ Invoke API ─┘   queue, scaling     └─▶ environment ◀─Runtime API─ process
//! ```
//!
//! - [`gateway`]: API Gateway. HTTP requests become REST proxy events, answers become HTTP responses.
//! - `invoke_api`: the Invoke API of Lambda, which functions reach through the AWS SDK.
//! - `pool`: the environments of one function, the queue in front of them, and when to start one.
//! - `environment`: one child process with its Runtime API and its supervisor. `runtime_api` is the protocol.
//! - `schedule`: functions that are invoked again and again.
//! - `process`: children that die with the host. `log`: what they print. `net`: sockets that do not wait.
//!
//! # Invariants
//!
//! - An environment runs one invocation at a time. A function never has more environments than its cap.
//! - Every accepted invocation ends exactly once: with an answer, or with an error that says why there is none.
//! - A caller that goes away does not stop an invocation. Its answer is read to the end and forgotten.
//! - Bytes of a streamed answer are passed on as they come; between function and client there is no buffer that waits
//!   to be filled, and a slow client slows the function, not the host's memory.
//! - A streamed answer that was cut never looks complete: HTTP connections are closed without their last chunk, and
//!   event streams end with an error in `InvokeComplete`.
//! - A function's process sees its declared environment and nothing of the host's.
//! - No process outlives the host, however the host ends.
//!
//! # What can fail
//!
//! A process may crash (`Runtime.ExitError`), run past its deadline (killed, `Sandbox.Timedout`), fail to start, hang
//! up without ending, or answer with something that is not an answer; each fails the invocation it was given, never
//! another one, and the next invocation gets a fresh process. Queues are bounded in number, bytes and age. What is
//! queued in memory, Event invocations included, is lost when the host ends: whoever dispatched it must notice, as
//! they must on AWS. Unlike on AWS an idle process is not frozen, and memory limits are told to functions but not enforced.

mod environment;
pub mod gateway;
mod invocation;
mod invoke_api;
mod log;
mod net;
mod pool;
mod process;
mod runtime_api;
mod schedule;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::invocation::{Answer, AnswerStream, Fault, FaultKind, Invocation, InvokeError, RequestId};
pub use self::schedule::Schedule;
use self::{
    gateway::{Gateway, GatewayConfig},
    log::FunctionLog,
    net::Limits,
    pool::{Pool, Shared},
    process::Spawner,
};
use crate::roles::Roles;

/// The body of every response the host gives.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// How long HTTP requests in flight may go on when the host is stopped.
const DRAIN: Duration = Duration::from_millis(500);

/// A function: a binary and how to run it.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// The name it is invoked by: 1 to 64 letters, digits, `-` and `_`.
    pub name: String,
    /// The binary. It speaks the Lambda Runtime API.
    pub binary: PathBuf,
    /// Its environment variables, besides those that Lambda itself sets.
    pub env: Vec<(String, String)>,
    /// How long one invocation may take. After that the process is killed.
    pub timeout: Duration,
    /// How many invocations run at once; more wait.
    pub max_concurrency: NonZeroUsize,
    /// The memory that the function is told it has, in MiB.
    pub memory_mb: u32,
    /// A process without work for this long is stopped.
    pub idle_timeout: Duration,
    /// Whether calls have to name a tenant, as on AWS with tenant isolation; else they must not. Environments are shared nevertheless.
    pub tenant_isolation: bool,
}

/// What a host runs.
pub struct HostConfig {
    /// The functions.
    pub functions: Vec<FunctionSpec>,
    /// Functions among them that are invoked again and again.
    pub schedules: Vec<Schedule>,
    /// The routes and rules of the gateway.
    pub gateway: GatewayConfig,
    /// What functions may call.
    pub roles: Roles,
    /// Functions' output is appended to `<log_dir>/<name>.log`.
    pub log_dir: PathBuf,
    /// How long processes get between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The address is taken, or may not be used.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The thread that starts processes could not be started.
    #[error("cannot start the thread that starts functions: {0}")]
    Spawner(io::Error),
    /// A name that Lambda would not take either.
    #[error("{0:?} cannot be a function's name: use 1 to 64 letters, digits, - and _")]
    FunctionName(String),
    /// Two functions of one name.
    #[error("function {0:?} is declared twice")]
    DuplicateFunction(String),
    /// A schedule whose function is not declared.
    #[error("there is a schedule for {0:?}, but no such function")]
    UnknownSchedule(String),
    /// A route whose function is not declared.
    #[error("the API has the operation {operation:?}, but there is no function {function:?}")]
    MissingFunction {
        /// The operation's id.
        operation: String,
        /// The function that should serve it.
        function: String,
    },
}

/// A host that has its addresses but runs nothing yet: functions need to know the addresses before they start.
pub struct BoundHost {
    gateway: TcpListener,
    gateway_address: SocketAddr,
    invoke_api: TcpListener,
    invoke_address: SocketAddr,
}

/// A running host. Stop it with [`Host::shutdown`]; dropping it kills everything it has started.
pub struct Host {
    functions: Arc<Functions>,
    shared: Arc<Shared>,
    servers: Vec<JoinHandle<()>>,
    gateway_address: SocketAddr,
    invoke_address: SocketAddr,
}

impl BoundHost {
    /// The gateway's address.
    pub fn gateway_address(&self) -> SocketAddr {
        self.gateway_address
    }

    /// The base URL of the Invoke API, for `AWS_ENDPOINT_URL_LAMBDA`.
    pub fn invoke_url(&self) -> String {
        format!("http://{}", self.invoke_address)
    }

    /// Opens the gateway and the Invoke API. Functions start with their first invocation.
    pub fn start(self, config: HostConfig) -> Result<Host, HostError> {
        let shared = Arc::new(Shared {
            spawner: Spawner::start().map_err(HostError::Spawner)?,
            environments: TaskTracker::new(),
            stop: CancellationToken::new(),
            stop_grace: config.stop_grace,
        });
        let functions = Arc::new(Functions::new(config.functions, &config.log_dir, &shared)?);
        let gateway = Arc::new(Gateway::new(config.gateway, &functions, self.gateway_address)?);

        let for_clients = Limits { head_timeout: Some(Duration::from_secs(75)), drain: DRAIN };
        let gateway = net::serve(self.gateway, shared.stop.clone(), for_clients, move |request, peer| {
            let gateway = gateway.clone();
            async move { gateway.answer(request, peer).await }
        });
        let invoked = functions.clone();
        let for_functions = Limits { head_timeout: None, drain: DRAIN };
        let invoke_api = net::serve(self.invoke_api, shared.stop.clone(), for_functions, move |request, _peer| {
            invoke_api::answer(invoked.clone(), config.roles.clone(), request)
        });
        let mut servers = vec![tokio::spawn(gateway), tokio::spawn(invoke_api)];
        for schedule in config.schedules {
            let pool = functions.get(&schedule.function).map_err(|_| HostError::UnknownSchedule(schedule.function.clone()))?;
            servers.push(tokio::spawn(schedule::follow(schedule, Arc::clone(pool), shared.stop.clone())));
        }
        Ok(Host { functions, shared, servers, gateway_address: self.gateway_address, invoke_address: self.invoke_address })
    }
}

impl Host {
    /// Takes the addresses a host will listen on: the public `gateway` (port 0 takes a free one), and a free port on
    /// loopback for the Invoke API.
    pub async fn bind(gateway: SocketAddr) -> Result<BoundHost, HostError> {
        let (gateway, gateway_address) = listen(gateway).await?;
        let (invoke_api, invoke_address) = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        Ok(BoundHost { gateway, gateway_address, invoke_api, invoke_address })
    }

    /// The gateway's address.
    pub fn gateway_address(&self) -> SocketAddr {
        self.gateway_address
    }

    /// The base URL of the Invoke API.
    pub fn invoke_url(&self) -> String {
        format!("http://{}", self.invoke_address)
    }

    /// Invokes a function directly and waits up to `patience` for a free environment, then for the answer.
    pub async fn invoke(&self, name: &str, payload: impl Into<Bytes>, patience: Duration) -> Result<Answer, InvokeError> {
        self.functions.get(name)?.invoke(Invocation::new(payload), patience).await
    }

    /// Stops everything: no new requests, SIGTERM to every function, SIGKILL after the grace. Returns when no child is
    /// left.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        self.functions.close();
        self.shared.environments.close();
        self.shared.environments.wait().await;
        for server in self.servers.drain(..) {
            if let Err(error) = server.await {
                tracing::error!(%error, "a server of the host failed");
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // After a shutdown this does nothing.
        self.shared.stop.cancel();
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), HostError> {
    let failed = |source| HostError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The functions of a host, by name.
struct Functions(HashMap<String, Arc<Pool>>);

impl Functions {
    fn new(specs: Vec<FunctionSpec>, log_dir: &std::path::Path, shared: &Arc<Shared>) -> Result<Self, HostError> {
        let mut pools = HashMap::with_capacity(specs.len());
        for spec in specs {
            let name = spec.name.clone();
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
                return Err(HostError::FunctionName(name));
            }
            let log = FunctionLog::new(log_dir, &name);
            if pools.insert(name.clone(), Pool::new(spec, log, shared.clone())).is_some() {
                return Err(HostError::DuplicateFunction(name));
            }
        }
        Ok(Self(pools))
    }

    fn get(&self, name: &str) -> Result<&Arc<Pool>, InvokeError> {
        self.0.get(name).ok_or_else(|| InvokeError::UnknownFunction(name.to_owned()))
    }

    fn close(&self) {
        self.0.values().for_each(|pool| pool.close());
    }
}

/// The ARN that a function is known by here.
fn arn(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{function}")
}

/// Locks a mutex whose critical sections do not panic halfway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
