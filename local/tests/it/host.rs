//! The Lambda host, from outside: HTTP through the gateway and the AWS SDK through the Invoke API, with real functions.

mod gateway;
mod invoke;
mod life;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ade_local::host::{
    Body, BoundHost, FunctionSpec, Host, HostConfig,
    gateway::{GatewayConfig, Mount, routes::RouteTable},
};
use ade_local::roles::Roles;
use http_body_util::BodyExt;

const ROUTES: &str = r#"{
    "servers": [{"url": "/api/v1"}],
    "paths": {
        "/echo": {
            "get": {"operationId": "http"}, "post": {"operationId": "http"}, "put": {"operationId": "http"}
        },
        "/stream": {"get": {"operationId": "http-stream", "x-ade-streaming": true}},
        "/items/{item_id}": {"get": {"operationId": "proxy"}, "post": {"operationId": "proxy"}},
        "/items/{item_id}/files/{path}": {"get": {"operationId": "proxy", "x-ade-greedy": true}},
        "/broken": {"get": {"operationId": "exit-at-start"}},
        "/missing": {"get": {"operationId": "missing"}},
        "/not-an-answer": {"get": {"operationId": "event"}},
        "/trailers": {"get": {"operationId": "trailers"}}
    }
}"#;

/// A running host with a function for each fixture, and a directory for what tests want to see on disk.
struct Stack {
    host: Host,
    directory: tempfile::TempDir,
}

impl Stack {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with functions changed by `change`.
    async fn start_with(change: impl Fn(&mut FunctionSpec)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bound = Host::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let config = config(&bound, directory.path(), change);
        Self { host: bound.start(config).unwrap(), directory }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host.gateway_address())
    }

    fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn make_file(&self, name: &str) {
        std::fs::write(self.file(name), "").unwrap();
    }

    fn log(&self, function: &str) -> String {
        std::fs::read_to_string(self.file(&format!("logs/{function}.log"))).unwrap_or_default()
    }

    fn lambda(&self) -> aws_sdk_lambda::Client {
        use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(self.host.invoke_url())
            .build();
        aws_sdk_lambda::Client::from_conf(config)
    }
}

fn config(bound: &BoundHost, directory: &Path, change: impl Fn(&mut FunctionSpec)) -> HostConfig {
    let fixtures = ["http", "http-stream", "event", "proxy", "exit-at-start", "trailers", "missing"];
    let functions = fixtures.map(|fixture| {
        let mut spec = FunctionSpec {
            name: format!("test-{fixture}"),
            binary: if fixture == "missing" { "/does/not/exist".into() } else { fixture_binary() },
            env: vec![("FIXTURE".to_owned(), fixture.to_owned()), ("AWS_ENDPOINT_URL_LAMBDA".to_owned(), bound.invoke_url())],
            timeout: Duration::from_mins(1),
            max_concurrency: NonZeroUsize::new(8).unwrap(),
            memory_mb: 256,
            idle_timeout: Duration::from_mins(5),
            tenant_isolation: false,
        };
        change(&mut spec);
        spec
    });
    let service = Arc::new(|request: http::Request<hyper::body::Incoming>| {
        let body = http_body_util::Full::new(bytes::Bytes::from(format!("mounted {}", request.uri())));
        let response: http::Response<Body> = http::Response::new(body.map_err(|never| match never {}).boxed_unsync());
        Box::pin(std::future::ready(response)) as futures::future::BoxFuture<'static, _>
    });
    HostConfig {
        schedules: Vec::new(),
        functions: functions.into(),
        gateway: GatewayConfig {
            routes: RouteTable::from_openapi(ROUTES).unwrap(),
            function_prefix: "test-".to_owned(),
            console: None,
            mounts: vec![Mount { segment: "ade-data".to_owned(), service }],
            cors_origins: vec!["https://console.example".to_owned()],
        },
        roles: Roles::default(),
        log_dir: directory.join("logs"),
        stop_grace: Duration::from_secs(2),
    }
}

/// `cargo test` builds examples next to the tests.
fn fixture_binary() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let fixture = tests.parent().unwrap().parent().unwrap().join("examples/fixture");
    assert!(fixture.exists(), "build the functions of the tests first: cargo build -p ade-local --example fixture");
    fixture
}

/// Waits for something that another process does.
async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

fn lines(file: &str) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
}

fn alive(pid: i64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A process that only waits to be reaped by someone else's init is gone for our purposes.
    !stat.is_empty() && !stat.contains(") Z ")
}
