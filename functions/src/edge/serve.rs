//! Running a handler as a Lambda function.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use ade_core::Ade;
use ade_core::settings::Settings;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _};
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt as _;
use lambda_http::tower::util::ServiceFn;
use lambda_http::{Body, Error, IntoResponse, service_fn};
use tracing::Instrument as _;

use super::idempotency::once;
use super::oidc::Oidc;
use super::{Answer, App, Call, Framing, Problem, Request, StreamAnswer, StreamBody, cors};

#[cfg(panic = "abort")]
compile_error!("a request that panics gets an answer, for which panics have to unwind: build with `panic = \"unwind\"`");

/// What `IntoResponse` turns things into.
type ResponseFuture = BoxFuture<'static, Response<Body>>;

/// How a request becomes an answer: what is different from function to function.
type Handler = Arc<dyn Fn(Arc<App>, Request) -> BoxFuture<'static, StreamAnswer> + Send + Sync>;

/// A function as Lambda's runtime client runs it.
type Service<R> = ServiceFn<Box<dyn FnMut(lambda_http::Request) -> BoxFuture<'static, Result<R, Error>> + Send>>;

/// An answer in one piece. Lines of JSON are text as JSON is, which `lambda_http` does not know: not every gateway undoes its base64.
struct AtOnce(Response<StreamBody>);

impl IntoResponse for AtOnce {
    fn into_response(self) -> ResponseFuture {
        let ndjson = HeaderValue::from_static(Framing::Ndjson.media_type());
        if self.0.headers().get(header::CONTENT_TYPE) != Some(&ndjson) {
            return self.0.into_response();
        }
        let (head, body) = self.0.into_parts();
        async move {
            let Ok(body) = body.collect().await;
            let body = match String::from_utf8(body.to_bytes().into()) {
                Ok(text) => Body::Text(text),
                Err(bytes) => Body::Binary(bytes.into_bytes()),
            };
            Response::from_parts(head, body)
        }
        .boxed()
    }
}

/// Runs the handler of an operation whose answers are written at once. Its callers have signed in.
pub fn serve<F, Fut>(handler: F) -> ExitCode
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    run(signed_in(move |call| handler(call).map_ok(whole)))
}

/// Runs the handler of an operation that anybody may call.
pub fn serve_open<F, Fut>(handler: F) -> ExitCode
where
    F: Fn(Arc<App>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    run(Arc::new(move |app, request| handler(app, request).map_ok(whole).boxed()))
}

/// Runs the handler of an operation whose answers may be streams. Its callers have signed in.
pub fn serve_streaming<F, Fut>(handler: F) -> ExitCode
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = StreamAnswer> + Send + 'static,
{
    let handler = signed_in(handler);
    start(async move |app| {
        if app.ade.settings.response_streaming {
            return lambda_http::run_with_streaming_response(service(app, handler, |response| response)).await;
        }
        let handler: Handler = Arc::new(move |app, request| handler(app, request).and_then(buffered).boxed());
        lambda_http::run(service(app, handler, AtOnce)).await
    })
}

/// An answer as gateways that stream nothing pass it on.
async fn buffered(response: Response<StreamBody>) -> StreamAnswer {
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body.whole().await?))
}

fn whole(response: Response<Bytes>) -> Response<StreamBody> {
    response.map(StreamBody::from)
}

/// Lets nobody through to a handler who has not signed in, and nothing that has been done before.
fn signed_in<F, Fut>(handler: F) -> Handler
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = StreamAnswer> + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |app, request| {
        let handler = Arc::clone(&handler);
        async move {
            let call = sign_in(app, request).await?;
            once(call, |call| handler(call).boxed()).await
        }
        .boxed()
    })
}

/// Starts the function and answers its requests one after the other.
fn run(handler: Handler) -> ExitCode {
    start(async move |app| lambda_http::run(service(app, handler, AtOnce)).await)
}

fn service<R: 'static>(app: Arc<App>, handler: Handler, written: fn(Response<StreamBody>) -> R) -> Service<R> {
    service_fn(Box::new(move |event| {
        let (app, handler) = (Arc::clone(&app), Arc::clone(&handler));
        answer(app, event, handler).map(move |response| Ok(written(response))).boxed()
    }))
}

/// Reads the settings, makes the clients, and runs until Lambda ends the process.
pub(crate) fn start<Fut: Future<Output = Result<(), Error>>>(run: impl FnOnce(Arc<App>) -> Fut) -> ExitCode {
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    ade_core::telemetry::init(&settings.log);
    // A function handles one request at a time: one thread is enough, and starts faster.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let ended = runtime.block_on(async {
        let app = Arc::new(App::new(Ade::connect(settings)));
        run(app).await
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

#[expect(clippy::print_stderr, reason = "logging may not have begun")]
fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}

/// Finds out who is asking.
async fn sign_in(app: Arc<App>, request: Request) -> Result<Call, Problem> {
    let credentials = request.credentials().ok_or_else(|| {
        Problem::unauthorized("Send an API key as `Authorization: Bearer <key>` or `X-API-Key: <key>`, or an access token as the former.")
    })?;
    let principal = match &app.oidc {
        Some(oidc) if Oidc::is_token(credentials) => oidc.sign_in(&app.ade, credentials).await?,
        _ => Box::pin(app.ade.keys.sign_in(credentials)).await?,
    };
    Ok(Call { app, principal, request, mark: None })
}

/// Handles one request: whatever happens, it ends with an answer and a line in the log, both with the request's id.
async fn answer(app: Arc<App>, event: lambda_http::Request, handler: Handler) -> Response<StreamBody> {
    let began = Instant::now();
    let request = Request::from_event(event);
    let (id, method, path) = (request.id.clone(), request.method.clone(), request.path.clone());
    // The route: paths name files.
    let route = request.resource.clone();
    let origin = request.headers.get(header::ORIGIN).cloned();
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        trace_id = %request.trace_id,
        workspace_id = tracing::field::Empty,
        config_id = tracing::field::Empty,
        document_id = tracing::field::Empty,
        run_id = tracing::field::Empty,
        build_id = tracing::field::Empty,
    );
    async {
        let result = AssertUnwindSafe(handler(Arc::clone(&app), request)).catch_unwind().await;
        let result = result.unwrap_or_else(|panic| Err(Problem::internal(format!("panicked: {}", panic_message(panic.as_ref())))));
        let mut response = result.unwrap_or_else(|problem| {
            problem.log();
            whole(problem.into_response(&path, &id))
        });
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Over plain HTTP it means nothing (RFC 6797, section 8.1).
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        if let Ok(id) = HeaderValue::try_from(&id) {
            headers.insert("x-request-id", id);
        }
        cors::allow(headers, &app.ade.settings.cors_origins, origin.as_ref());
        tracing::info!(%method, route, status = response.status().as_u16(), elapsed_ms = began.elapsed().as_millis() as u64, "answered");
        response
    }
    .instrument(span)
    .await
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::StreamExt as _;

    #[tokio::test]
    async fn lines_of_json_are_text_and_bytes_are_bytes() {
        let lines = "{\"id\":1}\n";
        for (media_type, expected) in
            [("application/x-ndjson", Body::from(lines)), ("application/octet-stream", Body::from(lines.as_bytes()))]
        {
            let pieces = futures::stream::iter([Bytes::from_static(lines.as_bytes())]).boxed();
            let response = Response::builder().header(header::CONTENT_TYPE, media_type).body(StreamBody::Events(pieces));
            assert_eq!(*AtOnce(response.unwrap()).into_response().await.body(), expected, "{media_type}");
        }
    }
}
