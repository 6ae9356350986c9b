//! The web console's function: the files that a browser needs, from inside the binary.
//!
//! Gateways send it every GET that is not the API's. A path with a file's name is a file; every other path is a place inside
//! the console, whose router takes it from there, so it gets the page. Files under `assets/` carry a hash of their content in
//! their name and may be kept for good; the page names them, and is asked for every time.
//!
//! The page works wherever it is mounted: at the root, behind the stage of an API Gateway (`/prod`), or under the path of a
//! custom domain. All its links are relative to a `<base>`, which is written into each answer.

#![forbid(unsafe_code)]

mod assets;
mod page;
mod policy;
mod provider;

use std::process::ExitCode;
use std::sync::Arc;

use ade_functions::edge::{Answer, App, Problem, Request, serve_open};
use http::{HeaderValue, Response, StatusCode, header};

use crate::assets::Asset;
use crate::provider::Providers;

/// Runs the function until Lambda ends the process.
pub fn run() -> ExitCode {
    let providers = Arc::new(Providers::default());
    serve_open(move |app, request| console(app, request, Arc::clone(&providers)))
}

async fn console(app: Arc<App>, request: Request, providers: Arc<Providers>) -> Answer {
    let (base, path) = page::split(&request.path, request.parameter("proxy")).ok_or_else(Problem::no_route)?;
    match Asset::find(path) {
        Some(asset) => asset.answer(request.header("if-none-match")),
        None if page::names_a_file(path) => Err(Problem::no_route()),
        None => document(&app, &base, &providers).await,
    }
}

/// The page itself, or what to do when the binary has none.
async fn document(app: &App, base: &str, providers: &Providers) -> Answer {
    let Some(template) = Asset::find("index.html") else {
        let mut response = Response::new(page::MISSING.into());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        return Ok(response);
    };
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let template = std::str::from_utf8(template.content).map_err(Problem::internal)?;
    let provider = providers.current(&app.ade.settings).await;
    let others: Vec<_> = [policy::storage_origin(app).await?, provider.as_ref().map(|provider| provider.token_origin.clone())]
        .into_iter()
        .flatten()
        .collect();
    let policy = policy::content_security(&nonce, &others);
    let provider = provider.map(|provider| serde_json::to_string(&provider)).transpose().map_err(Problem::internal)?;
    let mut response = Response::new(page::fill(template, base, &nonce, &provider.unwrap_or_default()).into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).map_err(Problem::internal)?);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    Ok(response)
}
