//! The public HTTP server: API Gateway, as far as ADE uses it.
//!
//! A request is checked for the host it was sent to, then belongs to a mount (a service of the caller's under a
//! reserved first path segment), to the gateway itself (CORS preflights), or to a function, which is invoked with a
//! REST proxy event. Whatever is refused here is refused as `application/problem+json`, like everything the functions
//! refuse. Each response carries `X-Request-Id`, which is also the function's invocation id.
//!
//! The server is meant for loopback, where the threat is a web page: a hostile name that resolves to 127.0.0.1 (DNS
//! rebinding) would make that page same-origin with the API. So only the names `127.0.0.1` and `localhost` with our
//! own port are served; others are sent to the canonical address when that is harmless, and refused otherwise.

mod answer;
mod body;
mod event;
mod mount;
mod problem;
pub mod routes;

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request, uri::Authority};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;

pub(crate) use self::body::read as read_body;
pub use self::mount::{Mount, Service};
use self::{
    problem::Problem,
    routes::{Matched, RouteTable},
};
use super::{Body, Functions, HostError, invocation::Invocation, pool::Pool};

/// The longest request body, as API Gateway hands it to Lambda.
const BODY_LIMIT: usize = 6 * 1024 * 1024;
/// How long a request waits for a free environment.
const PATIENCE: Duration = Duration::from_secs(10);

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What browsers may send besides the headers that need no permission.
const ALLOWED_HEADERS: &str = "authorization, content-type, x-api-key, idempotency-key, if-match, if-none-match, last-event-id";
const EXPOSED_HEADERS: &str = "x-request-id, x-run-id, location, etag, retry-after, idempotent-replayed";

/// The routes and rules of a gateway.
pub struct GatewayConfig {
    /// The routes, from the API's `openapi.json`.
    pub routes: RouteTable,
    /// Operation `get-run` is served by the function `<function_prefix>get-run`.
    pub function_prefix: String,
    /// The function that answers GET requests outside the API and the mounts: the web console. Without one they are 404.
    pub console: Option<String>,
    /// Services under a first path segment of their own.
    pub mounts: Vec<Mount>,
    /// Origins whose pages may call the API; `*` stands for all.
    pub cors_origins: Vec<String>,
}

pub(super) struct Gateway {
    routes: RouteTable,
    /// By operation id.
    functions: HashMap<String, Arc<Pool>>,
    console: Option<Arc<Pool>>,
    mounts: Vec<Mount>,
    cors_origins: Vec<String>,
    address: SocketAddr,
}

impl Gateway {
    pub(super) fn new(config: GatewayConfig, functions: &Functions, address: SocketAddr) -> Result<Self, HostError> {
        let GatewayConfig { routes, function_prefix, console, mounts, cors_origins } = config;
        let pool = |operation: &str, function: String| match functions.get(&function) {
            Ok(pool) => Ok(pool.clone()),
            Err(_) => Err(HostError::MissingFunction { operation: operation.to_owned(), function }),
        };
        let console = console.map(|function| pool("console", function)).transpose()?;
        let functions = routes
            .operations()
            .map(|operation| Ok((operation.to_owned(), pool(operation, format!("{function_prefix}{operation}"))?)))
            .collect::<Result<_, _>>()?;
        Ok(Self { routes, functions, console, mounts, cors_origins, address })
    }

    /// Answers one request.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let invocation = Invocation::new(Bytes::new());
        let request_id = invocation.request_id;
        let path = request.uri().path().to_owned();
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = match self.route(request, peer, invocation).await {
            Ok(response) => response,
            Err(problem) => {
                let mut response = problem.into_response(&path, request_id);
                self.allow_origin(origin.as_ref(), &mut response);
                response
            }
        };
        if let Ok(value) = HeaderValue::try_from(request_id.to_string()) {
            response.headers_mut().entry(X_REQUEST_ID).or_insert(value);
        }
        response
    }

    async fn route(&self, request: Request<Incoming>, peer: SocketAddr, invocation: Invocation) -> Result<Response<Body>, Problem> {
        let checked = self.check_host(&request);
        if matches!(checked, Ok(None))
            && let Some(mount) = self.mounts.iter().find(|mount| mount.serves(request.uri().path()))
        {
            return Ok(mount.answer(request).await);
        }
        // Before anything is refused: what is left of a body on a connection ends the connection.
        let (head, body) = request.into_parts();
        let body = body::read(&head.headers, body, BODY_LIMIT).await;
        if let Some(redirect) = checked? {
            return Ok(redirect);
        }
        let body = body?;
        if let Some(console) = self.console.as_ref().filter(|_| routes::is_for_console(&head.method, head.uri.path())) {
            return self.invoke(console, &Matched::proxied(head.uri.path()), &head, &body, peer, invocation).await;
        }
        let methods = self.routes.find(head.uri.path())?;
        if head.method == Method::OPTIONS {
            return Ok(self.preflight(&head, &methods.allowed()));
        }
        let route = methods.route(&head.method)?;
        let pool = self.functions.get(route.operation).ok_or_else(Problem::not_found)?;
        self.invoke(pool, &route, &head, &body, peer, invocation).await
    }

    async fn invoke(
        &self,
        pool: &Arc<Pool>,
        route: &Matched<'_>,
        head: &request::Parts,
        body: &[u8],
        peer: SocketAddr,
        invocation: Invocation,
    ) -> Result<Response<Body>, Problem> {
        let payload = event::proxy_event(head, body, route, peer, invocation.request_id)?;
        let request_id = invocation.request_id;
        let invocation = Invocation { payload: payload.into(), ..invocation };
        let answer = match pool.invoke(invocation, PATIENCE).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(function = %pool.spec.name, %request_id, %error, "a function did not answer");
                return Err(error.into());
            }
        };
        answer::into_response(answer, &pool.spec.name, request_id).await
    }

    /// Refuses requests for another host, or redirects them: the `Ok(Some(_))` case.
    fn check_host(&self, request: &Request<Incoming>) -> Result<Option<Response<Body>>, Problem> {
        // A target in absolute form outranks the header (RFC 9112, section 3.2.2).
        let authority = match request.uri().authority() {
            Some(authority) => Some(authority.clone()),
            None => request.headers().get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok()),
        };
        let Some(authority) = authority else {
            return Err(Problem::bad_request("The request names no host."));
        };
        let ours = matches!(authority.host(), "127.0.0.1" | "localhost") || authority.host() == self.address.ip().to_string();
        if ours && authority.port_u16().unwrap_or(80) == self.address.port() {
            return Ok(None);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Problem::misdirected(self.address));
        }
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let location = HeaderValue::try_from(format!("http://{}{path}", self.address))
            .map_err(|_| Problem::bad_request("The request's path cannot be repeated."))?;
        let mut response = empty(StatusCode::PERMANENT_REDIRECT);
        response.headers_mut().insert(header::LOCATION, location);
        Ok(Some(response))
    }

    /// Says what a page of a permitted origin may send. Others learn nothing, which a browser takes for a no.
    fn preflight(&self, request: &request::Parts, methods: &str) -> Response<Body> {
        let mut response = empty(StatusCode::NO_CONTENT);
        if self.allow_origin(request.headers.get(header::ORIGIN), &mut response) {
            let headers = response.headers_mut();
            if let Ok(methods) = HeaderValue::try_from(methods) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
        response
    }

    /// Lets a permitted origin read a response of the gateway's own. Functions do this for theirs.
    fn allow_origin(&self, origin: Option<&HeaderValue>, response: &mut Response<Body>) -> bool {
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
        let permitted =
            |origin: &&HeaderValue| self.cors_origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes());
        let Some(origin) = origin.filter(permitted) else { return false };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        true
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}
