//! `Idempotency-Key`: a request that is sent again is answered again, and nothing is done twice.
//!
//! A key belongs to who uses it, with what they may do at that time, and to an operation; two callers never see each other's answers.
//! Only answers that say that something was done are kept. A refusal is none of them: what was refused may be corrected and tried
//! again with the same key.

use ade_core::access::Principal;
use ade_core::build::Build;
use ade_core::eventlog::{Follow, LogSource, follow};
use ade_core::id::{BuildId, DocumentId, RunId};
use ade_core::idempotency::{Begun, Mark};
use ade_core::lease::Executable;
use ade_core::run::Run;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::stream::events;
use super::{Call, Framing, Problem, StreamAnswer, StreamBody};
use crate::configs::{self, Announced};
use crate::documents;

/// Longest key, in characters.
const LIMIT: usize = 255;
/// The headers that belong to an answer.
const HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// Put into an answer's extensions, this is kept in place of its body: what must not be shown twice, or is only good for a while.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Another body.
    Body(String),
    /// The new document; its upload is presigned anew.
    Document(DocumentId),
    /// The announced archive; its upload is presigned anew.
    ConfigUpload(Announced),
    /// The run whose events the answer is.
    RunEvents(RunId),
    /// The build whose events the answer is.
    BuildEvents(BuildId),
}

/// An answer as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    status: u16,
    headers: Vec<(String, String)>,
    kept: Kept,
}

/// Carries a call out, unless it has a key and has been carried out before.
pub(super) async fn once(mut call: Call, handler: impl FnOnce(Call) -> BoxFuture<'static, StreamAnswer>) -> StreamAnswer {
    let Some(key) = key(&call)? else {
        return handler(call).await;
    };
    let request = digest([scope(&call.principal).as_bytes(), call.request.resource.as_bytes(), key.as_bytes()]);
    let fingerprint = digest([call.request.path.as_bytes(), call.request.query_text().as_bytes(), call.request.body()]);
    match call.ade().idempotency.begin(&request, &fingerprint).await? {
        Begun::First(mark) => {
            call.mark = Some(mark.clone());
            let answer = handler(call).await;
            settle(&mark, answer.as_ref().ok().and_then(stored)).await;
            answer
        }
        Begun::Answered(stored) => replay(&call, serde_json::from_slice(&stored).map_err(Problem::internal)?).await,
        Begun::InFlight => Err(Problem::request_in_progress()),
        Begun::Reused => Err(Problem::unprocessable("idempotency_key_reused", "This `Idempotency-Key` was used for another request.")),
    }
}

fn key(call: &Call) -> Result<Option<&str>, Problem> {
    let headers = &call.request.headers;
    let Some(value) = headers.get("idempotency-key").filter(|_| call.request.method == Method::POST) else {
        return Ok(None);
    };
    let key = value.to_str().ok().map(str::trim).filter(|key| (1..=LIMIT).contains(&key.len()));
    let invalid = || Problem::bad_request("invalid_idempotency_key", format!("`Idempotency-Key` must have 1 to {LIMIT} ASCII characters."));
    key.map(Some).ok_or_else(invalid)
}

/// Who asks, and what they may do: after their role has changed, old answers are not theirs any more.
fn scope(principal: &Principal) -> String {
    format!("{:?} {} {:?}", principal.submitter.kind, principal.submitter.id, principal.access)
}

fn digest<const N: usize>(parts: [&[u8]; N]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

/// Keeps an answer, or lets the key go. The request has been carried out, so what fails here is only logged.
async fn settle(mark: &Mark, answer: Option<Vec<u8>>) {
    let settled = match answer {
        Some(stored) => mark.keep(&stored).await,
        None => mark.release().await,
    };
    if let Err(error) = settled {
        tracing::error!(%error, "a repeat of this request may be refused for a minute");
    }
}

fn stored(answer: &Response<StreamBody>) -> Option<Vec<u8>> {
    let kept = match (answer.extensions().get::<Kept>(), answer.body()) {
        (Some(kept), _) => kept.clone(),
        (None, StreamBody::Whole(body)) => Kept::Body(std::str::from_utf8(body.as_deref().unwrap_or_default()).ok()?.to_owned()),
        (None, StreamBody::Events(_) | StreamBody::File(_)) => return None,
    };
    let text = |name: &HeaderName| Some((name.to_string(), answer.headers().get(name)?.to_str().ok()?.to_owned()));
    let stored = Stored { status: answer.status().as_u16(), headers: HEADERS.iter().filter_map(text).collect(), kept };
    serde_json::to_vec(&stored).ok()
}

/// The first answer again.
async fn replay(call: &Call, stored: Stored) -> StreamAnswer {
    let mut response = match stored.kept {
        Kept::Body(body) => Response::new(StreamBody::from(Bytes::from(body))),
        Kept::Document(id) => Response::new(StreamBody::from(documents::announced(call, id).await?)),
        Kept::ConfigUpload(announced) => Response::new(StreamBody::from(configs::announced_again(call, &announced).await?)),
        Kept::RunEvents(id) => all_events::<Run>(call, id, "x-run-id")?,
        Kept::BuildEvents(id) => all_events::<Build>(call, id, "x-build-id")?,
    };
    *response.status_mut() = StatusCode::from_u16(stored.status).map_err(Problem::internal)?;
    let headers = response.headers_mut();
    for (name, value) in stored.headers {
        let name = HeaderName::try_from(name).map_err(Problem::internal)?;
        headers.insert(name, HeaderValue::try_from(value).map_err(Problem::internal)?);
    }
    headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

fn all_events<R: Executable>(call: &Call, id: R::Id, about: &'static str) -> StreamAnswer {
    let source = LogSource::<R>::new(call.ade().tables.clone(), id);
    let lines = follow(source, call.ade().objects.clone(), Follow { after_id: 0, live: true });
    events(lines, Framing::Ndjson, call.request.deadline, (about, id.to_string()))
}
