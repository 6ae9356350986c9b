//! The door of the embedded DynamoDB.
//!
//! On AWS no role of ADE's functions allows `Scan`, which reads a whole table, nor PartiQL, which does so when a statement names no key.
//! The engine behind this door knows no roles: the door refuses those actions to everybody, as IAM would, so that what works on one
//! machine works on AWS. Everything else it passes on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

/// Actions that no role allows.
const REFUSED: [&str; 4] = ["Scan", "ExecuteStatement", "ExecuteTransaction", "BatchExecuteStatement"];
/// How long to wait before accepting again when the system is out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Body = Either<Incoming, Full<Bytes>>;

/// Passes on what comes to `listener` to the engine at this address until `stop` is done, then lets requests under way finish.
pub(super) async fn serve(listener: TcpListener, engine: SocketAddr, stop: impl Future<Output = ()>) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connection(stream, engine, client.clone(), &connections),
                Err(error) => {
                    tracing::warn!(%error, "a DynamoDB connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

fn connection(stream: TcpStream, engine: SocketAddr, client: Client<HttpConnector, Incoming>, connections: &GracefulShutdown) {
    // Small answers must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let answer = service_fn(move |request| {
        let client = client.clone();
        async move { Ok::<_, Infallible>(pass(request, engine, &client).await) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a DynamoDB connection ended early");
        }
    });
}

async fn pass(mut request: Request<Incoming>, engine: SocketAddr, client: &Client<HttpConnector, Incoming>) -> Response<Body> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let action = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    if let Some(action) = REFUSED.into_iter().find(|refused| *refused == action) {
        return refusal(action);
    }
    match engine_uri(engine, request.uri().path_and_query()) {
        Ok(uri) => *request.uri_mut() = uri,
        Err(error) => return problem(StatusCode::BAD_REQUEST, "SerializationException", &error.to_string()),
    }
    match client.request(request).await {
        Ok(answer) => answer.map(Either::Left),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &error.to_string()),
    }
}

fn engine_uri(engine: SocketAddr, path: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
    let authority = Authority::try_from(engine.to_string())?;
    let path = path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(path).build()
}

/// The words of IAM.
fn refusal(action: &str) -> Response<Body> {
    let message = format!(
        "User is not authorized to perform: dynamodb:{action} because no identity-based policy allows the dynamodb:{action} action"
    );
    problem(StatusCode::BAD_REQUEST, "AccessDeniedException", &message)
}

fn problem(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let body = json!({ "__type": format!("com.amazon.coral.service#{kind}"), "message": message });
    let mut answer = Response::new(Either::Right(Full::from(body.to_string())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    answer
}
