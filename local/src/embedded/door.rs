//! The door of the embedded DynamoDB.
//!
//! The engine behind this door knows no roles: the door holds functions to theirs, as IAM would, so that what works on one machine works
//! on AWS. `Scan`, which reads a whole table, and PartiQL, which does so when a statement names no key, it refuses to everybody: no role
//! allows them. Everything else it passes on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::roles::{self, Refusal, Roles};

/// Actions that no role allows.
const REFUSED: [&str; 4] = ["Scan", "ExecuteStatement", "ExecuteTransaction", "BatchExecuteStatement"];
/// How long to wait before accepting again when the system is out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The longest request that DynamoDB takes.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

type Body = Either<Incoming, Full<Bytes>>;

/// Passes on what comes to `listener` to the engine at this address until `stop` is done, then lets requests under way finish.
pub(super) async fn serve(listener: TcpListener, engine: SocketAddr, roles: Roles, stop: impl Future<Output = ()>) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let door = Door { engine, client, roles };
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connection(stream, door.clone(), &connections),
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

fn connection(stream: TcpStream, door: Door, connections: &GracefulShutdown) {
    // Small answers must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let answer = service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.pass(request).await) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a DynamoDB connection ended early");
        }
    });
}

#[derive(Clone)]
struct Door {
    engine: SocketAddr,
    client: Client<HttpConnector, Body>,
    roles: Roles,
}

impl Door {
    async fn pass(&self, request: Request<Incoming>) -> Response<Body> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let action = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
        if let Some(action) = REFUSED.into_iter().find(|refused| *refused == action) {
            return refusal(&format!(
                "User is not authorized to perform: dynamodb:{action} because no identity-based policy allows the dynamodb:{action} action"
            ));
        }
        let action = action.to_owned();
        let (mut head, body) = request.into_parts();
        match engine_uri(self.engine, head.uri.path_and_query()) {
            Ok(uri) => head.uri = uri,
            Err(error) => return problem(StatusCode::BAD_REQUEST, "SerializationException", &error.to_string()),
        }
        let function = roles::signer(&head.headers).filter(|key_id| roles::function_of(key_id).is_some());
        let body = match function {
            None => Either::Left(body),
            Some(key_id) => {
                let call = match Limited::new(body, MAX_REQUEST_BYTES).collect().await {
                    Ok(call) => call.to_bytes(),
                    Err(error) => return problem(StatusCode::BAD_REQUEST, "SerializationException", &error.to_string()),
                };
                match serde_json::from_slice::<Call<'_>>(&call).map(|call| call.check(&self.roles, key_id, &action)) {
                    Ok(Ok(())) => Either::Right(Full::from(call)),
                    Ok(Err(refused)) => return refusal(&refused.to_string()),
                    Err(error) => return problem(StatusCode::BAD_REQUEST, "SerializationException", &error.to_string()),
                }
            }
        };
        match self.client.request(Request::from_parts(head, body)).await {
            Ok(answer) => answer.map(Either::Left),
            Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &error.to_string()),
        }
    }
}

/// What of a call tells which tables it is about.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call<'a> {
    #[serde(borrow)]
    table_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    index_name: Option<Cow<'a, str>>,
    /// Of a transaction: `{"Put": {"TableName": …}}`.
    #[serde(borrow, default)]
    transact_items: Vec<BTreeMap<Cow<'a, str>, Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part<'a> {
    #[serde(borrow)]
    table_name: Cow<'a, str>,
}

impl Call<'_> {
    /// A transaction needs the permissions of its parts, everything else that of its action.
    fn check(&self, roles: &Roles, key_id: &str, action: &str) -> Result<(), Refusal> {
        for (kind, part) in self.transact_items.iter().flatten() {
            roles.check_table(key_id, &format!("{kind}Item"), &part.table_name, None)?;
        }
        if self.transact_items.is_empty() {
            // No role allows what names no table. Batches name theirs elsewhere; no function makes any.
            let table = self.table_name.as_deref().unwrap_or("*");
            roles.check_table(key_id, action, table, self.index_name.as_deref())?;
        }
        Ok(())
    }
}

fn engine_uri(engine: SocketAddr, path: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
    let authority = Authority::try_from(engine.to_string())?;
    let path = path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(path).build()
}

fn refusal(message: &str) -> Response<Body> {
    problem(StatusCode::BAD_REQUEST, "AccessDeniedException", message)
}

fn problem(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let body = json!({ "__type": format!("com.amazon.coral.service#{kind}"), "message": message });
    let mut answer = Response::new(Either::Right(Full::from(body.to_string())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    answer
}
