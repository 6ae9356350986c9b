//! A function for the tests of the Lambda host: what it does is chosen by `FIXTURE`, what goes wrong by the request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::HashMap,
    convert::Infallible,
    fs::OpenOptions,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    num::NonZeroUsize,
    path::Path,
    time::Duration,
};

use ade_local::host::{
    Answer, FunctionSpec, Host, HostConfig,
    gateway::{GatewayConfig, routes::RouteTable},
};
use ade_local::roles::Roles;
use futures::Stream;
use http_body_util::StreamBody;
use lambda_http::{Error, Request, RequestExt, Response, http::header};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::var("FIXTURE").expect("FIXTURE").as_str() {
        "http" => lambda_http::run(service_fn(http)).await,
        "http-stream" => lambda_http::run_with_streaming_response(service_fn(http_stream)).await,
        "event" => lambda_runtime::run(service_fn(event)).await,
        "proxy" => lambda_runtime::run(service_fn(proxy)).await,
        "exit-at-start" => std::process::exit(7),
        "host" => be_a_host().await,
        "trailers" => end_with_trailers(),
        other => panic!("unknown fixture {other:?}"),
    }
}

/// Echoes method, path and body, the body as the bytes it was.
async fn http(request: Request) -> Result<Response<lambda_http::Body>, Error> {
    let parameters = request.query_string_parameters();
    act(parameters.first("act"), parameters.first("file")).await;
    let size: usize = parameters.first("size").map_or(0, |size| size.parse().unwrap());
    let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
    let mut response = Response::builder()
        .header("x-method", request.method().as_str())
        .header("x-path", request.raw_http_path())
        .header("x-pid", std::process::id())
        .header("x-many", "one")
        .header("x-many", "two");
    if let Some(content_type) = content_type {
        response = response.header(header::CONTENT_TYPE, content_type);
    }
    let body = if size > 0 { lambda_http::Body::Text("x".repeat(size)) } else { request.into_body() };
    Ok(response.body(body)?)
}

type Pieces = std::pin::Pin<Box<dyn Stream<Item = Result<http_body::Frame<bytes::Bytes>, Infallible>> + Send>>;

/// Streams `first`, does what the request asks for, streams `last`, and leaves a mark when it was not stopped before.
async fn http_stream(request: Request) -> Result<Response<StreamBody<Pieces>>, Error> {
    let parameters = request.query_string_parameters();
    let text = |name: &str| parameters.first(name).map(ToOwned::to_owned);
    let (action, file, mark) = (text("act"), text("file"), text("mark"));
    let pieces: usize = parameters.first("pieces").map_or(0, |pieces| pieces.parse().unwrap());
    let stream: Pieces = Box::pin(async_stream::stream! {
        yield Ok(piece("first\n"));
        for _ in 0..pieces {
            yield Ok(piece("0123456789abcdef"));
        }
        act(action.as_deref(), file.as_deref()).await;
        yield Ok(piece("last\n"));
        if let Some(mark) = mark {
            append(&mark, "done");
        }
    });
    Ok(Response::builder()
        .status(202)
        .header(header::CONTENT_TYPE, "application/x-ndjson")
        .header("x-many", "one")
        .header("x-many", "two")
        .body(StreamBody::new(stream))?)
}

fn piece(text: &'static str) -> http_body::Frame<bytes::Bytes> {
    http_body::Frame::data(bytes::Bytes::from_static(text.as_bytes()))
}

/// Answers with the event, and with what the process knows about itself.
async fn event(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let text = |name: &str| payload[name].as_str();
    if let Some(journal) = text("journal") {
        append(journal, "begin");
    }
    println!("event {}", context.request_id);
    act(text("act"), text("file")).await;
    if let Some(journal) = text("journal") {
        append(journal, "end");
    }
    let environment: HashMap<_, _> = std::env::vars().collect();
    Ok(json!({
        "payload": payload,
        "pid": std::process::id(),
        "environment": environment,
        "request_id": context.request_id,
        "deadline": context.deadline,
        "arn": context.invoked_function_arn,
        "trace_id": context.xray_trace_id,
        "tenant_id": context.tenant_id,
    }))
}

/// Answers an HTTP request with the proxy event it was turned into.
async fn proxy(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({ "statusCode": 200, "body": event.payload.to_string() }))
}

async fn act(action: Option<&str>, file: Option<&str>) {
    // The test makes the file when it has seen what it wants to see.
    if let Some(file) = file {
        while !Path::new(file).exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    match action {
        Some("exit") => std::process::exit(3),
        Some("panic") => panic!("the fixture was asked to panic"),
        Some("hang") => std::future::pending().await,
        _ => {}
    }
}

fn append(file: &str, line: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    // In one piece: several processes write at the same time.
    file.write_all(format!("{line} {}\n", std::process::id()).as_bytes()).unwrap();
}

/// Runs a function on a host of its own, prints the function's process id, and stays.
async fn be_a_host() -> ! {
    let bound = Host::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let function = FunctionSpec {
        name: "child".to_owned(),
        binary: std::env::current_exe().unwrap(),
        env: vec![("FIXTURE".to_owned(), "event".to_owned())],
        timeout: Duration::from_mins(1),
        max_concurrency: NonZeroUsize::MIN,
        memory_mb: 128,
        idle_timeout: Duration::from_mins(5),
        tenant_isolation: false,
    };
    let gateway = GatewayConfig {
        routes: RouteTable::from_openapi(r#"{"paths": {}}"#).unwrap(),
        function_prefix: String::new(),
        console: None,
        mounts: Vec::new(),
        cors_origins: Vec::new(),
    };
    let log_dir = std::env::var("LOG_DIR").unwrap().into();
    let config = HostConfig {
        functions: vec![function],
        schedules: Vec::new(),
        gateway,
        roles: Roles::default(),
        log_dir,
        stop_grace: Duration::ZERO,
    };
    let host = bound.start(config).unwrap();
    let Answer::Buffered(answer) = host.invoke("child", "{}", Duration::from_mins(1)).await.unwrap() else {
        panic!("not a streaming function");
    };
    println!("{}", serde_json::from_slice::<Value>(&answer).unwrap()["pid"]);
    std::future::pending().await
}

/// Speaks the Runtime API by hand: a streamed answer whose trailers report an error. No runtime of Rust does this.
fn end_with_trailers() -> ! {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut socket = BufReader::new(TcpStream::connect(address).unwrap());
    loop {
        socket.get_mut().write_all(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: runtime\r\n\r\n").unwrap();
        let headers = read_message(&mut socket);
        let id = &headers["lambda-runtime-aws-request-id"];
        write!(
            socket.get_mut(),
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: runtime\r\n\
             lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\n\
             trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n\
             4\r\nhalf\r\n0\r\n\
             Lambda-Runtime-Function-Error-Type: Fixture.Gone\r\n\
             Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJGaXh0dXJlLkdvbmUifQ==\r\n\r\n"
        )
        .unwrap();
        read_message(&mut socket);
    }
}

/// Reads one response and returns its headers.
fn read_message(socket: &mut BufReader<TcpStream>) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).unwrap() == 0 {
            std::process::exit(0);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    socket.read_exact(&mut vec![0; length]).unwrap();
    headers
}
