//! Embedded storage, a small base environment, and runs on it.
//!
//! The base environment's `ade_engine` executes the document it is given as Python code: each test says in its document what the
//! engine does. `config validate` imports the config's package.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ade_core::Ade;
use ade_core::access::{PrincipalKind, Submitter};
use ade_core::build::Build;
use ade_core::config::Config;
use ade_core::dispatch::{DispatchError, Dispatcher, ExecuteBuild, Relay, Work};
use ade_core::document::{Document, NewDocument};
use ade_core::eventlog::{Event, LogSource, follow};
use ade_core::id::{RunId, WorkspaceId};
use ade_core::run::{NewRun, Run, RunOptions};
use ade_core::settings::Settings;
use ade_executor::base::Base;
use ade_executor::build::Builder;
use ade_executor::run::Executor;
use ade_executor::sandbox::Sandbox;
use ade_local::embedded::Embedded;
use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use bytes::Bytes;
use futures::TryStreamExt as _;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

/// The engine: what `python -m ade_engine` executes.
const ENGINE: &str = r#"
import os, sys
from pathlib import Path

arguments = sys.argv[1:]

def option(name):
    return arguments[arguments.index(name) + 1] if name in arguments else None

if arguments[:2] == ["config", "validate"]:
    import json
    try:
        import ade_config
    except Exception as error:
        issue = {"path": "src/ade_config/__init__.py", "line": 1, "code": "load_error", "message": repr(error), "severity": "error"}
        event = {"level": "info", "event": "engine.config.validated", "message": "x", "data": {"valid": False, "issues": [issue]}}
        print(json.dumps(event), file=sys.stderr)
        sys.exit(1)
    print('{"level": "info", "event": "engine.config.validated", "message": "ok", "data": {"valid": true, "issues": []}}', file=sys.stderr)
    sys.exit(0)
document, output, logs = (Path(option(name)) for name in ("--input", "--output-dir", "--logs-dir"))
exec(compile(document.read_text(), "document", "exec"))
if "engine.run.completed" not in document.read_text() and not (logs / "artifact.json").exists():
    (logs / "artifact.json").write_text('{"schema": "ade.artifact/v1", "run": {}}')
"#;

/// One process executes one run at a time; so do these tests, whose engines are all children of one process.
static TURN: Mutex<()> = Mutex::const_new(());

/// A whole small ADE.
pub(crate) struct Stack {
    pub(crate) ade: Ade,
    pub(crate) base: Base,
    pub(crate) sandbox: Sandbox,
    pub(crate) config: Config,
    workspace: WorkspaceId,
    dir: TempDir,
    embedded: Embedded,
    _turn: MutexGuard<'static, ()>,
}

/// A finished run and its log.
pub(crate) struct Ended {
    pub(crate) run: Run,
    pub(crate) events: Vec<Event>,
    /// What was relayed while it went on.
    pub(crate) relayed: Vec<u8>,
}

/// Builds in this process.
struct InProcess(Arc<Builder>);

#[async_trait]
impl Dispatcher for InProcess {
    async fn send(&self, _: WorkspaceId, work: Work) -> Result<(), DispatchError> {
        let Work::Build(ExecuteBuild { build_id }) = work else { panic!("executors start builders only") };
        let builder = Arc::clone(&self.0);
        spawn_local(async move { builder.execute(build_id, far(), mpsc::channel(64).0).await.unwrap() });
        Ok(())
    }

    async fn stream(&self, _: WorkspaceId, _: Work) -> Result<Relay, DispatchError> {
        Err(DispatchError("not here".to_owned()))
    }
}

/// Runs a test on one thread, as the functions do.
pub(crate) fn test(body: impl AsyncFnOnce(Stack) + Send) {
    test_with(&[], body);
}

/// Like [`test`], with more settings.
pub(crate) fn test_with(settings: &[(&str, &str)], body: impl AsyncFnOnce(Stack) + Send) {
    let body = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            ade_executor::process::adopt().unwrap();
            let stack = Stack::start(settings).await;
            body(stack).await;
        });
    };
    // As much stack as the main thread of a function has, which is more than a test's.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(8 << 20).spawn_scoped(scope, body).unwrap();
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn far() -> Instant {
    Instant::now() + Duration::from_mins(10)
}

impl Stack {
    async fn start(more: &[(&str, &str)]) -> Self {
        let turn = TURN.lock().await;
        let dir = tempfile::tempdir().unwrap();
        let base = base(&dir.path().join("base"));
        let embedded = Embedded::start(&dir.path().join("data")).await.unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let mut variables = vec![
            ("ADE_RUNS_DIR".to_owned(), path("runs")),
            ("ADE_VENVS_DIR".to_owned(), path("venvs")),
            ("ADE_BASE_DIR".to_owned(), path("base")),
            ("ADE_BASE_DIGEST".to_owned(), base.info.digest.clone()),
            ("ADE_S3_PATH_STYLE".to_owned(), "true".to_owned()),
        ];
        variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::read(variables).unwrap();
        let credentials = aws_sdk_s3::config::Credentials::new(
            &embedded.credentials.access_key_id,
            &embedded.credentials.secret_access_key,
            None,
            None,
            "test",
        );
        let aws = |url: &str| {
            aws_config::defaults(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(credentials.clone())
                .endpoint_url(url)
        };
        let s3 = aws(&embedded.s3_url).load().await;
        let dynamodb = aws(&embedded.dynamodb_url).load().await;
        let sandbox = Sandbox::start(settings.sandbox, &base).unwrap();
        let ade = Ade::with_services(settings, &dynamodb, &s3);
        ade.tables.create_missing().await.unwrap();
        ade.objects.create_bucket().await.unwrap();
        let workspace = ade.workspaces.create("Test", None).await.unwrap().workspace_id;
        let config = config(&ade, workspace, &[("src/ade_config/__init__.py", "")]).await;
        Self { ade, base, sandbox, config, workspace, dir, embedded, _turn: turn }
    }

    /// Another config.
    pub(crate) async fn config(&self, files: &[(&str, &str)]) -> Config {
        config(&self.ade, self.workspace, files).await
    }

    /// A document that makes the engine do something.
    pub(crate) async fn document(&self, name: &str, code: &str) -> Document {
        let new = NewDocument { name: name.to_owned(), byte_size: code.len() as u64, content_type: "text/csv".to_owned(), sha256: None };
        let document = self.ade.documents.create(self.workspace, new, submitter()).await.unwrap();
        self.ade.objects.create(&document.object_key(), Bytes::from(code.to_owned())).await.unwrap();
        let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(code));
        self.ade.documents.mark_ready(&document, &sha256).await.unwrap()
    }

    /// Records a run.
    pub(crate) async fn create(&self, config: &Config, documents: Vec<Document>, options: RunOptions) -> RunId {
        let new = NewRun {
            workspace_id: self.workspace,
            config_id: config.config_id,
            documents,
            options,
            submitted_by: submitter(),
            trace_id: "trace".to_owned(),
        };
        self.ade.runs.create(new).await.unwrap().run_id
    }

    pub(crate) fn executor(&self) -> Executor {
        let (ade, base, sandbox) = (self.ade.clone(), self.base.clone(), self.sandbox.clone());
        let builder = Builder { ade: ade.clone(), base: base.clone(), sandbox: sandbox.clone() };
        Executor { ade, base, sandbox, dispatcher: Arc::new(InProcess(Arc::new(builder))) }
    }

    /// Runs an engine that executes `code`.
    pub(crate) async fn run(&self, code: &str) -> Ended {
        self.run_with(code, RunOptions::default()).await
    }

    /// Like [`Self::run`], with options.
    pub(crate) async fn run_with(&self, code: &str, options: RunOptions) -> Ended {
        let document = self.document("in.csv", code).await;
        let id = self.create(&self.config, vec![document], options).await;
        self.execute(id).await
    }

    /// Executes a run to its end.
    pub(crate) async fn execute(&self, id: RunId) -> Ended {
        let (sender, mut receiver) = mpsc::channel(10_000);
        let finished = self.executor().execute(id, far(), sender).await.unwrap();
        let mut relayed = Vec::new();
        while let Some(lines) = receiver.recv().await {
            relayed.extend_from_slice(&lines);
        }
        let run = self.ade.runs.get(id).await.unwrap().unwrap();
        assert_eq!(finished, run.status.is_terminal().then_some(run.execution.last_event_id));
        let events = events(&self.ade, id).await;
        assert!(!self.dir.path().join("runs").join(id.to_string()).exists(), "the scratch directory is removed");
        Ended { run, events, relayed }
    }

    /// Keys in the bucket below a prefix.
    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        self.ade.objects.list(prefix, None, 10_000).await.unwrap().into_iter().map(|object| object.key).collect()
    }

    pub(crate) async fn artifact(&self, run: &Run) -> serde_json::Value {
        let key = self.ade.objects.key_of(run.outcome.report.artifact_uri.as_deref().unwrap()).unwrap();
        serde_json::from_slice(&self.ade.objects.read(key).await.unwrap().unwrap()).unwrap()
    }

    /// An output of a run.
    pub(crate) async fn output(&self, run: &Run, path: &str) -> String {
        let prefix = self.ade.objects.key_of(run.outcome.report.output_uri.as_deref().unwrap()).unwrap();
        String::from_utf8(self.ade.objects.read(&format!("{prefix}{path}")).await.unwrap().unwrap().to_vec()).unwrap()
    }

    pub(crate) async fn build(&self, run: &Run) -> Build {
        self.ade.builds.get(run.build_id.unwrap()).await.unwrap().unwrap()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn stop(self) {
        self.embedded.shutdown().await;
    }
}

/// The whole log of a run.
pub(crate) async fn events(ade: &Ade, id: RunId) -> Vec<Event> {
    let source = LogSource::<Run>::new(ade.tables.clone(), id);
    let chunks: Vec<Bytes> =
        follow(source, ade.objects.clone(), ade_core::eventlog::Follow { after_id: 0, live: false }).try_collect().await.unwrap();
    let events: Vec<Event> =
        chunks.iter().flat_map(|chunk| serde_json::Deserializer::from_slice(chunk).into_iter().map(Result::unwrap)).collect();
    assert!(events.iter().map(|event| event.id).eq(1..=events.len() as u64), "ids are 1, 2, 3 …");
    events
}

async fn config(ade: &Ade, workspace: WorkspaceId, files: &[(&str, &str)]) -> Config {
    let files = files.iter().map(|(path, text)| (path.parse().unwrap(), Bytes::from((*text).to_owned())));
    ade.configs.create(workspace, "Config", files).await.unwrap()
}

fn submitter() -> Submitter {
    Submitter { kind: PrincipalKind::ApiKey, id: "key".to_owned(), name: "Key".to_owned() }
}

/// A base environment of the system's Python.
fn base(dir: &Path) -> Base {
    static PYTHON: OnceLock<(PathBuf, String)> = OnceLock::new();
    let (python, version) = PYTHON.get_or_init(|| {
        let print = "import os, platform, sys; print(os.path.realpath(sys.executable), platform.python_version())";
        let output = Command::new("python3").args(["-c", print]).output().expect("python3 is on PATH");
        let text = String::from_utf8(output.stdout).unwrap();
        let (path, version) = text.trim().split_once(' ').unwrap();
        (path.into(), version.to_owned())
    });
    std::fs::create_dir_all(dir.join("bin")).unwrap();
    std::os::unix::fs::symlink(python, dir.join("bin/python")).unwrap();
    let info = serde_json::json!({"digest": "base-1", "engine_version": "0.0.1", "python_version": version, "platform": "test"});
    std::fs::write(dir.join("base.json"), info.to_string()).unwrap();
    std::fs::write(dir.join("base.lock"), "").unwrap();
    std::fs::write(dir.join("base.in"), "").unwrap();
    let base = Base::open(dir).unwrap();
    let engine = base.site_packages().join("ade_engine");
    std::fs::create_dir_all(&engine).unwrap();
    std::fs::write(engine.join("__main__.py"), ENGINE).unwrap();
    std::fs::write(engine.join("__init__.py"), "").unwrap();
    base
}
