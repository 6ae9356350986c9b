//! The executor and the builder as Lambda functions.
//!
//! Both are invoked with the id of what to work on and answer with a stream of its committed events. The work does not depend on
//! that stream: it goes on when the reader goes away, and a reader that is too slow for the relay gets the rest from the log. The
//! stream ends when the work has ended, because Lambda freezes the process then. The builder also checks configs, and answers with what
//! it found, at once.

use std::convert::Infallible;
use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ade_core::Ade;
use ade_core::build::Build;
use ade_core::confinement::Confinement;
use ade_core::dispatch::{BuilderWork, ExecuteBuild, ExecuteRun, ValidateConfig};
use ade_core::eventlog::{Follow, LogSource, follow};
use ade_core::lease::Executable;
use ade_core::run::Run;
use ade_core::settings::Settings;
use ade_core::store::{Objects, StoreError};
use ade_core::time::Timestamp;
use ade_invoke::LambdaDispatcher;
use async_stream::stream;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _};
use lambda_runtime::{FunctionResponse, LambdaEvent, StreamResponse, service_fn};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::base::Base;
use crate::build::Builder;
use crate::process::{adopt, end_descendants};
use crate::run::Executor;
use crate::sandbox::{Layers, Sandbox};

/// How long before the function's deadline work is stopped, so that its end can be written down.
const MARGIN: Duration = Duration::from_secs(20);
/// Segments that a reader may be behind before it is left to read the log.
const RELAY_DEPTH: usize = 16;

/// One piece of work at a time, also when the answer to the one before could not be sent to its end.
type Turn = Arc<Mutex<()>>;
type Answer = FunctionResponse<serde_json::Value, BoxStream<'static, Result<Bytes, Infallible>>>;

/// Serves the executor.
pub async fn executor() -> anyhow::Result<()> {
    let (ade, base, sandbox) = start()?;
    if let Err(error) = crate::scratch::sweep(&ade.settings.runs_dir) {
        tracing::warn!(%error, "what killed processes left was not removed");
    }
    crate::venv::trim(&ade.settings.venvs_dir, ade.settings.venvs_size_limit.0);
    // Work does not wait for it.
    tokio::spawn(tell(ade.objects.clone(), sandbox.layers()));
    let dispatcher = Arc::new(LambdaDispatcher::connect(&ade.settings));
    let (turn, executor) = (Turn::default(), Arc::new(Executor { ade: ade.clone(), base, sandbox, dispatcher }));
    serve(async move |event: LambdaEvent<ExecuteRun>| {
        let (id, until, executor) = (event.payload.run_id, deadline(event.context.deadline), Arc::clone(&executor));
        let span = tracing::info_span!("run", request_id = %event.context.request_id, run_id = %id, workspace_id = Empty, trace_id = Empty);
        answer::<Run, _>(&ade, id, &turn, span, |relay| async move { executor.execute(id, until, relay).await })
    })
    .await
}

/// Serves the builder.
pub async fn builder() -> anyhow::Result<()> {
    let (ade, base, sandbox) = start()?;
    let (turn, builder) = (Turn::default(), Arc::new(Builder { ade: ade.clone(), base, sandbox }));
    serve(async move |event: LambdaEvent<BuilderWork>| {
        let (until, builder, request_id) = (deadline(event.context.deadline), Arc::clone(&builder), event.context.request_id);
        match event.payload {
            BuilderWork::Build(ExecuteBuild { build_id: id }) => {
                let span = tracing::info_span!("build", %request_id, build_id = %id, workspace_id = Empty, trace_id = Empty);
                answer::<Build, _>(&ade, id, &turn, span, |relay| async move { builder.execute(id, until, relay).await })
            }
            BuilderWork::Validate(ValidateConfig { validate_config_id: id }) => {
                let span = tracing::info_span!("validate", %request_id, config_id = %id);
                whole(&turn, span, async move { builder.validate(id, until).await }).await
            }
        }
    })
    .await
}

/// Serves a function whose work stays on this thread: what it starts lives as long as the thread that started it.
async fn serve<P: for<'de> Deserialize<'de>>(handle: impl AsyncFn(LambdaEvent<P>) -> Answer) -> anyhow::Result<()> {
    let handle = Rc::new(handle);
    let function = service_fn(move |event| {
        let handle = Rc::clone(&handle);
        // Without its type, which names all that happens in it, the compiler copes.
        async move { Ok::<_, lambda_runtime::Error>(handle(event).await) }.boxed_local()
    });
    let mut asked_to_end = signal(SignalKind::terminate())?;
    let work = LocalSet::new();
    let served = tokio::select! {
        served = work.run_until(lambda_runtime::run(function)) => served.map_err(|error| anyhow::anyhow!("the Lambda runtime failed: {error}")),
        _ = asked_to_end.recv() => Ok(()),
    };
    // Only who started a process dies with this one; those that left its group would not.
    drop(work);
    end_descendants().await?;
    served
}

/// Reads and checks the settings, the scratch directories, the base environment and the sandbox.
fn start() -> anyhow::Result<(Ade, Base, Sandbox)> {
    let mut settings = Settings::from_env()?;
    ade_core::telemetry::init(&settings.log);
    for (name, directory) in [("ADE_RUNS_DIR", &settings.runs_dir), ("ADE_VENVS_DIR", &settings.venvs_dir)] {
        writable(directory).map_err(|error| anyhow::anyhow!("{name} is {}, which can't be used: {error}", directory.display()))?;
    }
    let base = Base::open(&settings.base_dir)
        .map_err(|error| anyhow::anyhow!("ADE_BASE_DIR is {}, which is no base environment: {error}", settings.base_dir.display()))?;
    let digest = settings.base_digest.get_or_insert_with(|| base.info.digest.clone());
    anyhow::ensure!(*digest == base.info.digest, "ADE_BASE_DIGEST is {digest}, but the base environment is {}", base.info.digest);
    adopt().map_err(|error| anyhow::anyhow!("this process can't become a child subreaper: {error}"))?;
    let sandbox = Sandbox::start(settings.sandbox, &base)?;
    match sandbox.layers().missing().as_slice() {
        [] => tracing::info!("user code is confined by every layer"),
        missing => tracing::warn!(?missing, "layers of the sandbox are not in force"),
    }
    Ok((Ade::connect(settings), base, sandbox))
}

/// Tells health checks what confines user code here.
async fn tell(objects: Objects, layers: Layers) {
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    let confinement = Confinement { started: Timestamp::now(), in_force: names(layers.in_force()), missing: names(layers.missing()) };
    if let Err(error) = confinement.publish(&objects).await {
        tracing::warn!(%error, "health checks will not know what confines user code");
    }
}

fn writable(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let probe = directory.join(format!(".probe-{}", ulid::Ulid::generate()));
    std::fs::File::create_new(&probe)?.write_all(b"probe")?;
    std::fs::remove_file(probe)
}

/// When work must stop, for a function whose time ends at this moment (milliseconds since the Unix epoch).
fn deadline(millis: u64) -> Instant {
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    Instant::now() + end.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(MARGIN)
}

/// Starts work on a record, and answers with its events. The work goes on when nobody reads them.
fn answer<R: Executable, W>(ade: &Ade, id: R::Id, turn: &Turn, span: Span, start: impl FnOnce(mpsc::Sender<Bytes>) -> W) -> Answer
where
    W: Future<Output = Result<Option<u64>, StoreError>> + 'static,
{
    let (sender, relay) = mpsc::channel(RELAY_DEPTH);
    let (turn, work) = (Arc::clone(turn), start(sender));
    let work = async move {
        let _turn = turn.lock().await;
        work.await.inspect_err(|error| tracing::error!(%error, "storage failed")).ok().flatten()
    };
    let work = spawn_local(work.instrument(span)).map(|worked| worked.inspect_err(|error| tracing::error!(%error, "the work broke off")));
    let work = work.map(|worked| worked.ok().flatten()).boxed().shared();
    let lines = lines(LogSource::<R>::new(ade.tables.clone(), id), ade.objects.clone(), work, relay);
    FunctionResponse::StreamingResponse(StreamResponse::from(lines.map(Ok).boxed()))
}

/// Does a piece of work and answers with what came of it, as JSON.
async fn whole<T, E>(turn: &Turn, span: Span, work: impl Future<Output = Result<T, E>> + 'static) -> Answer
where
    T: Serialize + 'static,
    E: Display + 'static,
{
    let turn = Arc::clone(turn);
    let work = async move {
        let _turn = turn.lock().await;
        work.await.map_err(|error| error.to_string()).inspect_err(|error| tracing::error!(error, "failed"))
    };
    // A task of its own, so that a panic is an answer too.
    let worked: Result<T, String> = spawn_local(work.instrument(span)).await.unwrap_or_else(|error| Err(error.to_string()));
    // An answer that can't be written is not one, and its reader says so.
    FunctionResponse::BufferedResponse(
        serde_json::to_value(&worked).inspect_err(|error| tracing::error!(%error, "no answer")).unwrap_or_default(),
    )
}

/// The committed lines of a log while work on it goes on; ends with the work, which leads to the id of the completed event.
fn lines<R: Executable>(
    source: LogSource<R>,
    objects: Objects,
    work: impl Future<Output = Option<u64>> + Clone + Send,
    mut relay: mpsc::Receiver<Bytes>,
) -> impl Stream<Item = Bytes> + Send {
    stream! {
        let mut last = 0;
        while let Some(lines) = relay.recv().await {
            last = last_id(&lines).unwrap_or(last);
            yield lines;
        }
        // The relay has ended: the work is done, or this reader was too slow and reads the log from here on.
        if last > 0 {
            let rest = from_log(source.clone(), objects.clone(), Follow { after_id: last, live: true }).take_until(work.clone());
            for await lines in rest {
                last = last_id(&lines).unwrap_or(last);
                yield lines;
            }
        }
        if work.await.is_some_and(|completed| last < completed) {
            for await lines in from_log(source, objects, Follow { after_id: last.max(1), live: false }) {
                yield lines;
            }
        }
    }
}

/// A part of a log; less of it when storage fails: whoever reads knows from the missing `*.completed` that there is more.
fn from_log<R: Executable>(source: LogSource<R>, objects: Objects, part: Follow) -> impl Stream<Item = Bytes> + Send {
    follow(source, objects, part)
        .inspect_err(|error| tracing::warn!(%error, "the log could not be read for a slow reader"))
        .take_while(|lines| std::future::ready(lines.is_ok()))
        .filter_map(|lines| std::future::ready(lines.ok()))
        .boxed()
}

/// The id of the last line of a chunk of whole lines.
fn last_id(lines: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Id {
        id: u64,
    }
    let lines = lines.strip_suffix(b"\n")?;
    let last = memchr::memrchr(b'\n', lines).map_or(lines, |end| &lines[end + 1..]);
    serde_json::from_slice::<Id>(last).ok().map(|event| event.id)
}
