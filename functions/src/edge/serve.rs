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
use futures::FutureExt as _;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use lambda_http::{Error, service_fn};
use tracing::Instrument as _;

use super::{Answer, App, Call, Problem, Request, StreamAnswer, StreamBody, cors};

/// Runs the handler of an operation whose answers are written at once. Its callers have signed in.
pub fn serve<F, Fut>(handler: F) -> ExitCode
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
{
    let handler = Arc::new(handler);
    start(async move |app| {
        lambda_http::run(service_fn(move |event| {
            let (app, handler) = (Arc::clone(&app), Arc::clone(&handler));
            async move {
                let answer = answer(&app, event, async |request| Box::pin(handler(sign_in(&app, request).await?)).await).await;
                Ok::<_, Error>(answer.map(Full::new))
            }
        }))
        .await
    })
}

/// Runs the handler of an operation that anybody may call.
pub fn serve_open<F, Fut>(handler: F) -> ExitCode
where
    F: Fn(Arc<App>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
{
    let handler = Arc::new(handler);
    start(async move |app| {
        lambda_http::run(service_fn(move |event| {
            let (app, handler) = (Arc::clone(&app), Arc::clone(&handler));
            async move {
                let answer = answer(&app, event, async |request| Box::pin(handler(Arc::clone(&app), request)).await).await;
                Ok::<_, Error>(answer.map(Full::new))
            }
        }))
        .await
    })
}

/// Runs the handler of an operation whose answers may be streams. Its callers have signed in.
pub fn serve_streaming<F, Fut>(handler: F) -> ExitCode
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = StreamAnswer> + Send,
{
    let handler = Arc::new(handler);
    start(async move |app| {
        lambda_http::run_with_streaming_response(service_fn(move |event| {
            let (app, handler) = (Arc::clone(&app), Arc::clone(&handler));
            async move {
                let answer: Response<StreamBody> =
                    answer(&app, event, async |request| Box::pin(handler(sign_in(&app, request).await?)).await).await;
                Ok::<_, Error>(answer)
            }
        }))
        .await
    })
}

/// Reads the settings, makes the clients, and runs until Lambda ends the process.
fn start<Fut: Future<Output = Result<(), Error>>>(run: impl FnOnce(Arc<App>) -> Fut) -> ExitCode {
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
        let app = Arc::new(App::new(Ade::connect(settings).await));
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
async fn sign_in(app: &Arc<App>, request: Request) -> Result<Call, Problem> {
    let key = request
        .api_key()
        .ok_or_else(|| Problem::unauthorized("Send an API key as `Authorization: Bearer <key>` or `X-API-Key: <key>`."))?;
    let principal = Box::pin(app.ade.keys.sign_in(key)).await?;
    Ok(Call { app: Arc::clone(app), principal, request })
}

/// Handles one request: whatever happens, it ends with an answer and a line in the log, both with the request's id.
async fn answer<B: From<Bytes>>(
    app: &App,
    event: lambda_http::Request,
    handler: impl AsyncFnOnce(Request) -> Result<Response<B>, Problem>,
) -> Response<B> {
    let began = Instant::now();
    let request = Request::from_event(event);
    let (id, method, path) = (request.id.clone(), request.method.clone(), request.path.clone());
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
        let result = AssertUnwindSafe(handler(request)).catch_unwind().await;
        let result = result.unwrap_or_else(|panic| Err(Problem::internal(format!("panicked: {}", panic_message(panic.as_ref())))));
        let mut response = result.unwrap_or_else(|problem| {
            problem.log();
            problem.into_response(&path, &id).map(B::from)
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
        tracing::info!(%method, path, status = response.status().as_u16(), elapsed_ms = began.elapsed().as_millis() as u64, "answered");
        response
    }
    .instrument(span)
    .await
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
