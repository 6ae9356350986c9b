//! `ade up`: the whole of ADE on one machine.
//!
//! The same function binaries that are deployed to AWS, run by the [`host`](crate::host) as Lambda would run them, on storage
//! that is [embedded](crate::embedded) in this process or named by an endpoint. Local differs from the cloud in the
//! environment that functions get, and in nothing else; that environment is made here.
//!
//! Order of a start: own the data directory, storage, tables and first key, addresses, functions, and at last `local.json`,
//! whose presence means "ready". A stop goes the other way. Killing the process at any moment is as good as a stop: the
//! kernel drops the lock, children die with their parent, and a stale `local.json` is replaced by the next start.

mod hand_over;
mod local_file;
mod parts;
mod storage;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use ade_core::settings::{Settings, SettingsError};
use ade_core::store::StoreError;
use url::Url;

use self::hand_over::HandOver;
pub use self::local_file::{FileError, LocalFile};
use self::parts::{Base, REAPER, WORKERS};
use self::storage::{Access, Storage};
use crate::embedded::{EmbeddedError, S3Service};
use crate::host::gateway::routes::{RouteError, RouteTable};
use crate::host::gateway::{GatewayConfig, Mount};
use crate::host::{Body, FunctionSpec, Host, HostConfig, HostError, Schedule};
use crate::roles::{Roles, RolesError};

/// The API's description: routes and operations, the same for API Gateway and for here.
const OPENAPI: &str = include_str!("../../../docs/openapi.json");
/// First part of function names; the stack's name in the cloud.
const STACK: &str = "ade";
/// The function that serves the web console. No route names it: it gets what is not the API's.
const CONSOLE: &str = "console";
/// What Lambda and API Gateway allow a streaming answer to take.
const TIMEOUT: Duration = Duration::from_mins(15);
/// Environments of one function besides executors: each follower of a run holds one.
const FUNCTION_CAP: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// An environment without work for so long is stopped.
const IDLE: Duration = Duration::from_mins(5);
/// How long functions have to stop; an executor needs 3 s to stop its engine.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// Settings of the `ade` command itself, not of functions.
const CLIENT_SETTINGS: [&str; 2] = ["ADE_URL", "ADE_API_KEY"];

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port of the public server on loopback; 0 takes a free one.
    pub port: u16,
    /// Directory of everything that is kept.
    pub data_dir: PathBuf,
    /// Endpoint of DynamoDB and S3 to use instead of the embedded ones.
    pub aws_endpoint_url: Option<Url>,
    /// File to which is added what functions do with AWS.
    pub record_uses: Option<PathBuf>,
    /// The caller's environment: its `ADE_*` settings are passed on to functions.
    pub environment: Vec<(String, String)>,
}

/// Why a local ADE did not start.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// A setting in the caller's environment.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data directory.
    #[error("cannot use {} as data directory: {source}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file in it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The embedded services.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// What functions may do.
    #[error(transparent)]
    Roles(#[from] RolesError),
    /// Tables, bucket or first key could not be made.
    #[error("the storage does not work: {0}")]
    Store(#[from] StoreError),
    /// The port is taken.
    #[error("port {0} is in use by another program")]
    PortInUse(u16),
    /// The host did not start.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The committed API description.
    #[error("the API's description can't be used: {0}")]
    Routes(#[from] RouteError),
    /// This program does not know where it is.
    #[error("cannot tell where this program is: {0}")]
    OwnPath(io::Error),
    /// A function was not built.
    #[error("the function {operation} is not in {}", directory.display())]
    MissingBinary {
        /// The function.
        operation: String,
        /// Where it should be.
        directory: PathBuf,
    },
    /// There is no base environment.
    #[error("there is no base environment (Python with the engine) at {}", wanted.display())]
    NoBase {
        /// Where it would be.
        wanted: PathBuf,
    },
    /// The base environment is not whole.
    #[error("the base environment {} can't be used: {reason}", dir.display())]
    BadBase {
        /// The environment.
        dir: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl UpError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::PortInUse(port) => {
                format!("stop that program, or choose another port: `ade up --port {}`", port.wrapping_add(1).max(1024))
            }
            Self::MissingBinary { .. } => "build the functions beside this program with `make build`".to_owned(),
            Self::NoBase { .. } => "make it with `make base`, or set ADE_BASE_DIR to where it is".to_owned(),
            Self::BadBase { dir, .. } => format!("remove {} and run `make base`", dir.display()),
            Self::Settings(_) => "docs/settings.md lists every setting".to_owned(),
            _ => return None,
        })
    }
}

/// A running local ADE.
pub struct Stack {
    host: Host,
    storage: Storage,
    data_dir: PathBuf,
    local: LocalFile,
    sign_in_url: String,
    uv: Option<PathBuf>,
}

impl Stack {
    /// Starts everything; when this returns, the API answers and `local.json` says where.
    pub async fn start(options: Options) -> Result<Self, UpError> {
        let settings = Settings::read(options.environment.iter().cloned())?;
        let data_dir = own_directory(&options.data_dir)?;
        let routes = RouteTable::from_openapi(OPENAPI)?;
        let binaries = parts::binaries()?;
        let set = |name: &str| options.environment.iter().any(|(set, _)| set == name);
        let base = parts::base(set("ADE_BASE_DIR").then_some(settings.base_dir.as_path()), &data_dir)?;
        let uv = parts::uv(settings.uv.as_deref(), &data_dir);

        let roles = Roles::read(&settings.table_prefix, &format!("{STACK}-"), options.record_uses.as_deref())?;
        let storage = Storage::start(&data_dir, options.aws_endpoint_url, roles.clone()).await?;
        LocalFile::remove(&data_dir)?;
        let access = storage.access();
        let admin = storage::prepare(&access, &settings, &data_dir).await?;

        let bound = Host::bind(SocketAddr::from(([127, 0, 0, 1], options.port))).await.map_err(|error| match error {
            HostError::Bind { source, address } if source.kind() == io::ErrorKind::AddrInUse => UpError::PortInUse(address.port()),
            other => other.into(),
        })?;
        let url = format!("http://{}", bound.gateway_address());
        let own = OwnSettings { data_dir: &data_dir, url: &url, invoke_url: bound.invoke_url(), base: &base, uv: uv.as_deref() };
        let environment = own.environment(&access, storage.s3_service().is_some(), &options.environment);
        let executors = settings.local_executors.and_then(|n| NonZeroUsize::new(n as usize));
        let executors = executors.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let functions = routes
            .operations()
            .chain(WORKERS)
            .chain([CONSOLE, REAPER])
            .map(|operation| {
                let mut env = environment.clone();
                env.push(("AWS_ACCESS_KEY_ID".to_owned(), access.key_id_of(operation)));
                Ok(FunctionSpec {
                    name: format!("{STACK}-{operation}"),
                    binary: parts::binary(&binaries, operation)?,
                    env,
                    timeout: TIMEOUT,
                    max_concurrency: if WORKERS.contains(&operation) { executors } else { FUNCTION_CAP },
                    memory_mb: 1024,
                    idle_timeout: IDLE,
                    tenant_isolation: settings.tenant_isolation && WORKERS.contains(&operation),
                })
            })
            .collect::<Result<Vec<_>, UpError>>()?;
        let hand_over = HandOver::of(&admin.api_key);
        let gateway = GatewayConfig {
            routes,
            function_prefix: format!("{STACK}-"),
            console: Some(format!("{STACK}-{CONSOLE}")),
            mounts: storage.s3_service().map(|s3| mount(&settings, &s3)).into_iter().chain([hand_over.mount()]).collect(),
            cors_origins: settings.cors_origins.clone(),
        };
        let reaper = Schedule { function: format!("{STACK}-{REAPER}"), every: settings.local_reaper.duration() };
        let host = bound.start(HostConfig {
            functions,
            schedules: vec![reaper],
            gateway,
            roles,
            log_dir: data_dir.join("logs/functions"),
            stop_grace: STOP_GRACE,
        })?;

        let local = LocalFile { url, api_key: admin.api_key, workspace_id: admin.workspace_id, pid: std::process::id() };
        local.write(&data_dir)?;
        let sign_in_url = format!("{}/#{}", local.url, hand_over.fragment());
        Ok(Self { host, storage, data_dir, local, sign_in_url, uv })
    }

    /// Where it is, and the key to it.
    pub fn local(&self) -> &LocalFile {
        &self.local
    }

    /// A link that opens the console signed in, once.
    pub fn sign_in_url(&self) -> &str {
        &self.sign_in_url
    }

    /// Where it keeps everything.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Whether configs with dependencies of their own can be built.
    pub fn has_uv(&self) -> bool {
        self.uv.is_some()
    }

    /// Stops everything that was started and gives the data directory up.
    pub async fn shutdown(self) -> Result<(), UpError> {
        let removed = LocalFile::remove(&self.data_dir);
        self.host.shutdown().await;
        self.storage.shutdown().await;
        Ok(removed?)
    }
}

/// Makes the data directory and resolves its path: functions are given absolute paths.
fn own_directory(path: &Path) -> Result<PathBuf, UpError> {
    let made = std::fs::create_dir_all(path).and_then(|()| path.canonicalize());
    made.map_err(|source| UpError::DataDir { path: path.to_owned(), source })
}

/// The embedded S3 under our own address, so that presigned URLs are same-origin in a browser.
fn mount(settings: &Settings, s3: &S3Service) -> Mount {
    use http_body_util::BodyExt as _;
    let origins = settings.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let s3 = s3.with_cors(origins);
    Mount {
        segment: settings.bucket.clone(),
        service: Arc::new(move |request| {
            let s3 = s3.clone();
            Box::pin(async move { s3.call(request).await.map(|body| Body::new(body.map_err(Into::into))) })
        }),
    }
}

/// What the stack itself decides about its functions' environment.
struct OwnSettings<'a> {
    data_dir: &'a Path,
    url: &'a str,
    invoke_url: String,
    base: &'a Base,
    uv: Option<&'a Path>,
}

impl OwnSettings<'_> {
    /// The environment of all functions: the caller's settings, ours, and AWS as the SDK finds it. Each has its own key id besides.
    fn environment(&self, access: &Access, s3_is_ours: bool, callers: &[(String, String)]) -> Vec<(String, String)> {
        let path = |path: &Path| path.display().to_string();
        let mut variables = BTreeMap::new();
        variables.insert("ADE_RUNS_DIR", path(&self.data_dir.join("runs")));
        variables.insert("ADE_VENVS_DIR", path(&self.data_dir.join("venvs")));
        let declared = callers.iter().filter(|(name, _)| name.starts_with("ADE_") && !CLIENT_SETTINGS.contains(&name.as_str()));
        variables.extend(declared.map(|(name, value)| (name.as_str(), value.clone())));
        variables.insert("ADE_BASE_DIR", path(&self.base.dir));
        variables.insert("ADE_BASE_DIGEST", self.base.digest.clone());
        variables.insert("ADE_EXECUTOR_FUNCTION", format!("{STACK}-executor"));
        variables.insert("ADE_BUILDER_FUNCTION", format!("{STACK}-builder"));
        variables.insert("ADE_S3_PATH_STYLE", "true".to_owned());
        let public = if s3_is_ours { self.url } else { access.s3.as_str() };
        variables.insert("ADE_S3_PUBLIC_ENDPOINT", public.to_owned());
        if let Some(uv) = self.uv {
            variables.insert("ADE_UV", path(uv));
        }
        variables.insert("AWS_REGION", storage::REGION.to_owned());
        variables.insert("AWS_SECRET_ACCESS_KEY", access.secret.clone());
        variables.insert("AWS_EC2_METADATA_DISABLED", "true".to_owned());
        variables.insert("AWS_ENDPOINT_URL_DYNAMODB", access.dynamodb.clone());
        variables.insert("AWS_ENDPOINT_URL_S3", access.s3.clone());
        variables.insert("AWS_ENDPOINT_URL_LAMBDA", self.invoke_url.clone());
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
