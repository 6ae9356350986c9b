//! The environments of one function, and the queue in front of them.
//!
//! Every invocation enters one queue, oldest first. An environment that asks for work takes the head of the queue or
//! waits on the idle stack; the stack is last in, first out, so that under light load the same few processes stay warm
//! and the others reach their idle timeout. When the queue is longer than the number of environments that are about to
//! ask for work (because they are starting, or have just answered), another one is started, up to the function's cap.
//! Having just answered is no promise, so what waits longer than a moment for such an environment gets one of its own.
//!
//! An invocation belongs to the pool from the moment it is queued: a caller that goes away changes nothing, because a
//! run must not depend on the connection that started it. It ends in exactly one of these ways: answered; failed with
//! its environment; withdrawn by its caller's patience while still queued; expired in the queue; refused by shutdown.
//! Starting environments cannot loop: one that ends before it asks for work fails the invocation at the queue's head.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    FunctionSpec,
    environment::{self, Fate},
    invocation::{Answer, Invocation, InvokeError, RequestId},
    lock,
    log::FunctionLog,
    process::Spawner,
};

/// How many invocations of one function may wait.
const QUEUE_LIMIT: usize = 10_000;
/// How many bytes of events of one function may wait.
const QUEUE_BYTES: usize = 256 * 1024 * 1024;

/// How long an environment that has answered is expected to ask for work again. It takes a few hundred microseconds.
const SETTLING: Duration = Duration::from_millis(10);

/// What all pools of a host share.
pub(super) struct Shared {
    pub(super) spawner: Spawner,
    /// The life of every environment; shutdown waits for them.
    pub(super) environments: TaskTracker,
    pub(super) stop: CancellationToken,
    /// Between SIGTERM and SIGKILL.
    pub(super) stop_grace: Duration,
}

pub(super) struct Pool {
    pub(super) spec: FunctionSpec,
    pub(super) shared: Arc<Shared>,
    pub(super) log: FunctionLog,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Pending>,
    queued_bytes: usize,
    idle: Vec<Idle>,
    /// Processes that exist or are being started; never more than the cap.
    environments: usize,
    /// Those of them that have not asked for work yet.
    starting: usize,
    /// Those of them that have answered and not asked for more yet.
    settling: usize,
    /// Someone will look whether the queue's head has waited for a settling environment in vain.
    overdue_check: bool,
    last_id: u64,
}

/// An invocation that no environment has taken yet.
pub(super) struct Pending {
    pub(super) invocation: Invocation,
    pub(super) reply: Reply,
    queued: Instant,
    expires: Instant,
}

/// Where an invocation's answer goes.
pub(super) struct Reply {
    request_id: RequestId,
    caller: oneshot::Sender<Result<Answer, InvokeError>>,
}

impl Reply {
    /// Tells the caller. Nobody listens to Event invocations, nor when the caller has gone away: an answer is then
    /// dropped (a streamed one is drained by its sender), and an error is reported here instead.
    pub(super) fn send(self, answer: Result<Answer, InvokeError>) {
        if let Err(Err(error)) = self.caller.send(answer) {
            tracing::warn!(request_id = %self.request_id, %error, "an invocation failed and nobody waits for it");
        }
    }
}

/// An environment that waits for work.
struct Idle {
    environment: EnvironmentId,
    work: oneshot::Sender<Pending>,
}

/// How far an environment is from asking for work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// It never has.
    #[default]
    Starting,
    /// It waits for work, or works.
    Working,
    /// It has answered.
    Settling,
}

/// Numbers the environments of one function, in the order of their starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EnvironmentId(pub(super) u64);

impl Pool {
    pub(super) fn new(spec: FunctionSpec, log: FunctionLog, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { spec, shared, log, state: Mutex::default() })
    }

    /// Runs an invocation and waits for its answer: the whole of it when buffered, its beginning when streamed.
    /// An invocation that has waited in the queue for `patience` is withdrawn and `Overloaded`.
    pub(super) async fn invoke(self: &Arc<Self>, invocation: Invocation, patience: Duration) -> Result<Answer, InvokeError> {
        let request_id = invocation.request_id;
        let mut answer = self.enqueue(invocation, patience)?;
        let answered = match tokio::time::timeout(patience, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if self.withdraw(request_id) => return Err(InvokeError::Overloaded),
            Err(_) => answer.await,
        };
        // A reply is dropped unused only when the whole pool is being torn down.
        answered.unwrap_or(Err(InvokeError::Stopping))
    }

    /// Runs an invocation that nobody waits for, unless it is still queued after `max_age`.
    pub(super) fn submit(self: &Arc<Self>, invocation: Invocation, max_age: Duration) -> Result<(), InvokeError> {
        self.enqueue(invocation, max_age).map(drop)
    }

    /// Refuses what is queued. The environments themselves end by `Shared::stop`.
    pub(super) fn close(&self) {
        let refused = {
            let mut state = lock(&self.state);
            state.queued_bytes = 0;
            std::mem::take(&mut state.queue)
        };
        if !refused.is_empty() {
            tracing::warn!(function = %self.spec.name, invocations = refused.len(), "dropped what was queued");
        }
        for pending in refused {
            pending.refuse(InvokeError::Stopping);
        }
    }

    fn enqueue(
        self: &Arc<Self>,
        invocation: Invocation,
        patience: Duration,
    ) -> Result<oneshot::Receiver<Result<Answer, InvokeError>>, InvokeError> {
        let (caller, answer) = oneshot::channel();
        let reply = Reply { request_id: invocation.request_id, caller };
        let mut state = lock(&self.state);
        if self.shared.stop.is_cancelled() {
            return Err(InvokeError::Stopping);
        }
        if state.queue.len() >= QUEUE_LIMIT || state.queued_bytes + invocation.payload.len() > QUEUE_BYTES {
            return Err(InvokeError::Overloaded);
        }
        let queued = Instant::now();
        let pending = Pending { invocation, reply, queued, expires: queued + patience };
        state.push_back(pending);
        self.dispatch(&mut state);
        Ok(answer)
    }

    /// Takes an invocation out of the queue; false when an environment already has it.
    fn withdraw(&self, request_id: RequestId) -> bool {
        let mut state = lock(&self.state);
        let found = state.queue.iter().position(|pending| pending.invocation.request_id == request_id);
        found.and_then(|position| state.queue.remove(position)).is_some_and(|pending| {
            state.queued_bytes -= pending.invocation.payload.len();
            true
        })
    }

    /// Hands queued invocations to waiting environments, and starts environments for the rest.
    fn dispatch(self: &Arc<Self>, state: &mut State) {
        while !state.idle.is_empty()
            && let Some(pending) = state.pop_front()
        {
            // An environment that has just ended does not take it: then the next one may.
            let untaken = match state.idle.pop() {
                Some(idle) => idle.work.send(pending).err(),
                None => Some(pending),
            };
            if let Some(pending) = untaken {
                state.push_front(pending);
            }
        }
        self.start_for(state.queue.len().saturating_sub(state.settling), state);
        if !state.queue.is_empty() && state.settling > 0 && !state.overdue_check && !self.shared.stop.is_cancelled() {
            state.overdue_check = true;
            let pool = self.clone();
            self.shared.environments.spawn(async move {
                tokio::time::sleep(SETTLING).await;
                pool.check_overdue();
            });
        }
    }

    /// Starts environments until as many are starting as there are `waiting` invocations.
    fn start_for(self: &Arc<Self>, waiting: usize, state: &mut State) {
        let cap = self.spec.max_concurrency.get();
        while waiting > state.starting && state.environments < cap && !self.shared.stop.is_cancelled() {
            state.environments += 1;
            state.starting += 1;
            state.last_id += 1;
            let id = EnvironmentId(state.last_id);
            self.shared.environments.spawn(environment::run(self.clone(), id));
        }
    }

    /// Starts environments for what has waited too long for settling ones.
    fn check_overdue(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        state.overdue_check = false;
        let overdue = state.queue.iter().take_while(|pending| pending.queued.elapsed() >= SETTLING).count();
        self.start_for(overdue, &mut state);
        self.dispatch(&mut state);
    }

    /// An environment is about to answer, and then to ask for work.
    pub(super) fn settle(&self) {
        lock(&self.state).settling += 1;
    }

    /// Work for an environment: the head of the queue, or what comes later. `None` when the environment was retired.
    /// Dropping the future (the environment's connection broke) puts an invocation that was already handed over back.
    pub(super) async fn next(self: &Arc<Self>, environment: EnvironmentId, reached: Stage) -> Option<Pending> {
        let mut waiting = {
            let mut state = lock(&self.state);
            state.leave(reached);
            if let Some(pending) = state.pop_front() {
                return Some(pending);
            }
            let (work, inbox) = oneshot::channel();
            state.idle.push(Idle { environment, work });
            Waiting { pool: self, inbox }
        };
        (&mut waiting.inbox).await.ok()
    }

    /// Takes an environment off the idle stack for good; false when it has been given work meanwhile.
    pub(super) fn retire(&self, environment: EnvironmentId) -> bool {
        let mut state = lock(&self.state);
        let found = state.idle.iter().position(|idle| idle.environment == environment);
        found.map(|position| state.idle.remove(position)).is_some()
    }

    /// Forgets an environment whose process is gone. One that never asked for work takes the head of the queue with it,
    /// so that a function that cannot start is reported and not started for ever.
    pub(super) fn ended(self: &Arc<Self>, environment: EnvironmentId, reached: Stage, fate: &Fate) {
        let failed = {
            let mut state = lock(&self.state);
            state.environments -= 1;
            state.idle.retain(|idle| idle.environment != environment);
            state.leave(reached);
            let failed = if reached == Stage::Starting { state.pop_front() } else { None };
            self.dispatch(&mut state);
            failed
        };
        if let Some(pending) = failed {
            let fault = fate.fault(pending.invocation.request_id);
            pending.refuse(fault.into());
        }
    }

    fn requeue(self: &Arc<Self>, pending: Pending) {
        let mut state = lock(&self.state);
        if self.shared.stop.is_cancelled() {
            return pending.refuse(InvokeError::Stopping);
        }
        state.push_front(pending);
        self.dispatch(&mut state);
    }
}

impl State {
    fn leave(&mut self, reached: Stage) {
        match reached {
            Stage::Starting => self.starting -= 1,
            Stage::Settling => self.settling -= 1,
            Stage::Working => {}
        }
    }

    fn push_back(&mut self, pending: Pending) {
        self.queued_bytes += pending.invocation.payload.len();
        self.queue.push_back(pending);
    }

    fn push_front(&mut self, pending: Pending) {
        self.queued_bytes += pending.invocation.payload.len();
        self.queue.push_front(pending);
    }

    /// The oldest invocation that has not expired.
    fn pop_front(&mut self) -> Option<Pending> {
        while let Some(pending) = self.queue.pop_front() {
            self.queued_bytes -= pending.invocation.payload.len();
            if pending.expires > Instant::now() {
                return Some(pending);
            }
            tracing::warn!(request_id = %pending.invocation.request_id, "an invocation expired in the queue");
            pending.refuse(InvokeError::Overloaded);
        }
        None
    }
}

impl Pending {
    /// Ends the invocation without running it.
    fn refuse(self, error: InvokeError) {
        self.reply.send(Err(error));
    }
}

/// An environment's place on the idle stack.
struct Waiting<'a> {
    pool: &'a Arc<Pool>,
    inbox: oneshot::Receiver<Pending>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.inbox.close();
        if let Ok(pending) = self.inbox.try_recv() {
            self.pool.requeue(pending);
        }
    }
}
