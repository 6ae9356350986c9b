//! Errors as clients see them: `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
//!
//! The core's errors say what is wrong; this file says which status and code that is. `detail` is always safe to show: what a
//! client must not see (the words of storage, of a panic) goes to the log only, under the same `request_id`.

use std::borrow::Cow;
use std::fmt::Display;

use ade_core::access::Denied;
use ade_core::build::CreateBuildError;
use ade_core::config::{ArchiveError, DeleteError, DraftError, EntryIssue, SnapshotError, UploadError};
use ade_core::document::CompleteError;
use ade_core::id::{BuildId, InvalidId};
use ade_core::key::SignInError;
use ade_core::layout::truncate;
use ade_core::lease::CancelError;
use ade_core::run::{CreateRunError, RetryError};
use ade_core::safe_mode::SetSafeModeError;
use ade_core::store::StoreError;
use ade_core::store::page::InvalidCursor;
use ade_core::store::table::ListError;
use ade_core::workspace::{CreateWorkspaceError, DeleteWorkspaceError};
use ade_workbook::OpenError;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Most bytes of a name in an archive that are sent back.
const QUOTED: usize = 400;

/// A field of a request that can't be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where it is, e.g. `options.timeout_seconds` or `input_documents[0]`; empty for the whole body.
    #[schema(example = "options.timeout_seconds")]
    pub path: String,
    /// What is wrong, for people.
    #[schema(example = "expected a whole number from 1 to 86400")]
    pub message: String,
    /// What is wrong, for programs.
    #[schema(example = "out_of_range")]
    pub code: String,
}

impl FieldError {
    /// An error at a path of the request.
    pub fn new(path: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), code: code.to_owned() }
    }
}

/// The body of every error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What is wrong, for people.
    #[schema(example = "There is no such run.")]
    pub detail: String,
    /// What is wrong, for programs; stable.
    #[schema(example = "run_not_found")]
    pub code: String,
    /// The path of the request.
    #[schema(example = "/api/v1/runs/run_01JZX3Q4T5V6W7X8Y9ZABCDEFG")]
    pub instance: String,
    /// The request's id, under which the log has the rest.
    pub request_id: String,
    /// Each field that can't be accepted; on 422.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The build that is in the way; with `build_in_progress`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<BuildId>,
}

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    build_id: Option<BuildId>,
    /// Seconds after which trying again makes sense.
    retry_after: Option<u32>,
    /// For the log only.
    cause: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        let (code, detail) = (code.into(), detail.into());
        Self(Box::new(Parts { status, code, detail, errors: Vec::new(), build_id: None, retry_after: None, cause: None }))
    }

    fn because(mut self, cause: impl Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// 400: the request can't be read at all.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401: nobody has signed in.
    pub fn unauthorized(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 404: nothing is at this path.
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path for this method.")
    }

    /// 404: the record does not exist, or not for this caller.
    pub fn no_such(kind: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{}_not_found", kind.replace(' ', "_")), format!("There is no such {kind}."))
    }

    /// 403, or 404 when the caller must not learn that the record exists.
    pub fn denied(denied: Denied, kind: &str) -> Self {
        match denied {
            Denied::NotFound => Self::no_such(kind),
            Denied::Forbidden(permission) => {
                let detail = format!("Your role lacks the permission `{}`.", permission.name());
                Self::new(StatusCode::FORBIDDEN, "permission_denied", detail)
            }
        }
    }

    /// 409: another state is needed first.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 409: the config is being built already.
    pub fn build_in_progress(build: BuildId) -> Self {
        let detail = format!("The config is being built already, by {build}. Follow that build, or ask with `wait`.");
        let mut problem = Self::conflict("build_in_progress", detail);
        problem.0.build_id = Some(build);
        problem
    }

    /// 409: the same request, with the same key, is being carried out.
    pub fn request_in_progress() -> Self {
        Self::conflict("request_in_progress", "A request with this `Idempotency-Key` is being carried out. Ask again.").retry_after(1)
    }

    /// 412: what was to be changed is not in the state that the change was made for.
    pub fn precondition_failed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }

    /// 428: a change must say which state it was made for.
    pub fn precondition_required() -> Self {
        let detail = "Send `If-Match` with the entity tag of what you change, or `If-None-Match: *` to create it.";
        Self::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", detail)
    }

    /// 400: the conditions of a change are not ones that can be checked.
    pub fn invalid_precondition() -> Self {
        let detail = "Send `If-Match` with one strong entity tag, or `If-None-Match: *` to create; not both, and nothing else.";
        Self::bad_request("invalid_precondition", detail)
    }

    /// 413: the body of the request is too long.
    pub fn body_too_large(limit: u64) -> Self {
        let detail = format!("The body of a request may have at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
    }

    /// 413: a document is larger than this installation allows.
    pub fn document_too_large(limit: u64) -> Self {
        let detail = format!("A document may have at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "document_too_large", detail)
    }

    /// 415: the body is not JSON by its own account.
    pub fn not_json() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Send the body as `Content-Type: application/json`.")
    }

    /// 422: fields of the request can't be accepted.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.path.is_empty() => format!("The request can't be accepted: {}.", one.message),
            [one] => format!("The request can't be accepted: {}: {}.", one.path, one.message),
            many => format!("{} fields of the request can't be accepted.", many.len()),
        };
        let mut problem = Self::unprocessable("validation_failed", detail);
        problem.0.errors = errors;
        problem
    }

    /// 422: the request can be read but not be carried out.
    pub fn unprocessable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 500: our own fault. `cause` goes to the log.
    pub fn internal(cause: impl Display) -> Self {
        let detail = "ADE failed to answer this request. The log has the cause under the request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).because(cause)
    }

    /// 503: something that ADE needs does not answer. `cause` goes to the log.
    fn unavailable(code: &'static str, cause: impl Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "ADE can't reach its storage at the moment. Try again.")
            .because(cause)
            .retry_after(1)
    }

    /// 503: nobody can tell whose access token it is. `cause` goes to the log.
    pub fn no_identity_provider(cause: impl Display) -> Self {
        let detail = "ADE can't reach the identity provider at the moment. Try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "identity_provider_unavailable", detail).because(cause).retry_after(5)
    }

    /// 503: the builder can't be called or does not answer in time. `cause` goes to the log.
    pub fn no_builder(cause: impl Display) -> Self {
        let detail = "The builder is busy or can't be reached at the moment. Try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "builder_unavailable", detail).because(cause).retry_after(5)
    }

    /// 503: the answer is too long for a gateway that passes on whole ones only.
    pub fn needs_streaming(limit: usize) -> Self {
        let detail = format!("The answer has more than {limit} bytes, and this installation does not stream. Read it in pages.");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "needs_streaming", detail)
    }

    /// 503: storage broke off while it was read. `cause` goes to the log.
    pub fn interrupted(cause: impl Display) -> Self {
        Self::unavailable("storage_unavailable", cause)
    }

    /// Its HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Logs what the answer does not tell. Refusals are the caller's affair and only noted.
    pub(super) fn log(&self) {
        let (status, code) = (self.0.status.as_u16(), self.0.code.as_ref());
        if let Some(cause) = &self.0.cause {
            tracing::error!(status, code, cause, "request failed");
        } else {
            tracing::info!(status, code, "request refused");
        }
    }

    /// As the answer to a request.
    pub fn into_response(self, instance: &str, request_id: &str) -> Response<Bytes> {
        let Parts { status, code, detail, errors, build_id, retry_after, cause: _ } = *self.0;
        let document = ProblemDocument {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: detail.into_owned(),
            code: code.into_owned(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors,
            build_id,
        };
        // Texts and numbers always serialise.
        let mut response = Response::new(Bytes::from(serde_json::to_vec(&document).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Throttled(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "Too many requests at a time. Try again.")
                .because(error)
                .retry_after(1),
            StoreError::Unavailable { .. } => Self::unavailable("storage_unavailable", error),
            StoreError::Condition(_) => Self::conflict("conflict", "Somebody else changed this at the same time. Try again."),
            StoreError::Refused { .. } | StoreError::Corrupt(_) => Self::internal(error),
        }
    }
}

impl From<InvalidId> for Problem {
    /// What is not an id names nothing.
    fn from(error: InvalidId) -> Self {
        Self::no_such(error.kind)
    }
}

impl From<InvalidCursor> for Problem {
    fn from(error: InvalidCursor) -> Self {
        Self::invalid(vec![FieldError::new("cursor", "invalid_cursor", error.to_string())])
    }
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Cursor(error) => error.into(),
            ListError::Store(error) => error.into(),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Invalid => Self::unauthorized("The API key is not valid."),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<CreateWorkspaceError> for Problem {
    fn from(error: CreateWorkspaceError) -> Self {
        match error {
            CreateWorkspaceError::SlugTaken(slug) => Self::conflict("slug_taken", format!("Another workspace has the slug `{slug}`.")),
            CreateWorkspaceError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteWorkspaceError> for Problem {
    fn from(error: DeleteWorkspaceError) -> Self {
        match error {
            DeleteWorkspaceError::InUse => Self::conflict("in_use", sentence(&error)),
            DeleteWorkspaceError::NotEmpty => Self::conflict("workspace_not_empty", sentence(&error)),
            DeleteWorkspaceError::Store(error) => error.into(),
        }
    }
}

impl From<SetSafeModeError> for Problem {
    fn from(error: SetSafeModeError) -> Self {
        match error {
            SetSafeModeError::Locked => Self::conflict("safe_mode_locked", sentence(&error)),
            SetSafeModeError::Store(error) => error.into(),
        }
    }
}

impl From<SnapshotError> for Problem {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Empty => Self::unprocessable("config_empty", "The config's draft has no files."),
            SnapshotError::TooLarge => Self::unprocessable("config_too_large", sentence(&error)),
            SnapshotError::Collision(_) => Self::conflict("path_conflict", sentence(&error)),
            SnapshotError::Changing => Self::conflict("config_changing", sentence(&error)).retry_after(1),
            SnapshotError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteError> for Problem {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::Building(_) | DeleteError::Running(_) => Self::conflict("in_use", sentence(&error)),
            DeleteError::Store(error) => error.into(),
        }
    }
}

impl From<DraftError> for Problem {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::NoSuchConfig => Self::no_such("config"),
            DraftError::NoSuchFile(_) => Self::no_such("config file"),
            DraftError::Changed => Self::precondition_failed(sentence(&error)),
            DraftError::Exists(_) => Self::conflict("file_exists", sentence(&error)),
            DraftError::Collision(_) => Self::conflict("path_conflict", sentence(&error)),
            DraftError::FileTooLarge(_) => Self::unprocessable("config_file_too_large", sentence(&error)),
            DraftError::Full => Self::unprocessable("config_too_large", sentence(&error)),
            DraftError::Store(error) => error.into(),
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NotUploaded => Self::conflict("archive_not_uploaded", sentence(&error)),
            UploadError::Archive(ArchiveError::Unreadable(_)) => Self::unprocessable("archive_unreadable", sentence(&error)),
            UploadError::Archive(ArchiveError::Refused(issues)) => Self::archive_refused(&issues),
            UploadError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// 422: an archive holds what can't be files of a config. Names are the client's own words, so they are cut.
    fn archive_refused(issues: &[EntryIssue]) -> Self {
        let named = |issue: &EntryIssue| truncate(&issue.entry, QUOTED).to_owned();
        let detail = match issues {
            [one] if one.entry.is_empty() => format!("The archive can't be imported: {}.", one.message),
            [one] => format!("The archive can't be imported: {}: {}.", named(one), one.message),
            many => format!("{} entries of the archive can't be files of a config; `errors` names them.", many.len()),
        };
        let mut problem = Self::unprocessable("archive_refused", detail);
        problem.0.errors = issues.iter().map(|issue| FieldError::new(named(issue), issue.code, issue.message.clone())).collect();
        problem
    }
}

impl From<CreateBuildError> for Problem {
    fn from(error: CreateBuildError) -> Self {
        match error {
            CreateBuildError::Snapshot(error) => error.into(),
            CreateBuildError::UnknownVersion(_) => Self::no_such("config version"),
            CreateBuildError::NoSuchConfig(_) => Self::no_such("config"),
            CreateBuildError::NoBase => Self::internal(error),
            CreateBuildError::Store(error) => error.into(),
        }
    }
}

impl From<CreateRunError> for Problem {
    fn from(error: CreateRunError) -> Self {
        let documents = |code, error: &CreateRunError| Self::invalid(vec![FieldError::new("input_documents", code, error.to_string())]);
        match error {
            CreateRunError::NoDocument => documents("required", &error),
            CreateRunError::TooManyDocuments => documents("too_long", &error),
            CreateRunError::DuplicateDocument(_) => documents("duplicate", &error),
            CreateRunError::DocumentNotReady(_) => Self::conflict("document_not_ready", sentence(&error)),
            CreateRunError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// 409: the work is over, and was not canceled.
    pub fn not_cancelable(error: CancelError, code: &'static str) -> Self {
        match error {
            CancelError::Over(_) => Self::conflict(code, sentence(&error)),
            CancelError::Store(error) => error.into(),
        }
    }
}

impl From<RetryError> for Problem {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::NotOver(_) => Self::conflict("run_not_over", sentence(&error)),
            RetryError::Store(error) => error.into(),
        }
    }
}

impl From<CompleteError> for Problem {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::NotUploaded => Self::conflict("document_not_uploaded", sentence(&error)),
            CompleteError::WrongSize { .. } => Self::unprocessable("document_size_mismatch", sentence(&error)),
            CompleteError::WrongChecksum => Self::unprocessable("document_checksum_mismatch", sentence(&error)),
            CompleteError::Gone => Self::no_such("document"),
            CompleteError::Store(error) => error.into(),
        }
    }
}

impl From<OpenError> for Problem {
    /// Why a document is not accepted. The reader's words name no path and no internals.
    fn from(error: OpenError) -> Self {
        let code = match &error {
            OpenError::Empty => "document_empty",
            OpenError::Encrypted => "document_encrypted",
            OpenError::Mismatch { .. } => "document_kind_mismatch",
            OpenError::Unsupported { .. } | OpenError::NoExtension => "document_kind_unsupported",
            OpenError::TooLarge { .. } | OpenError::Bomb { .. } => "document_too_large",
            OpenError::Corrupt { .. } | OpenError::Encoding { .. } | OpenError::NoSuchSheet { .. } => "document_unreadable",
            OpenError::Io(_) => return Self::internal(error),
        };
        Self::unprocessable(code, error.to_string())
    }
}

/// An error's words as a sentence.
fn sentence(error: &impl Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).chain(std::iter::once('.')).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ade_core::access::Permission;
    use insta::assert_json_snapshot;
    use serde_json::{Value, json};

    /// A problem as the client sees it, with the headers that belong to it.
    fn seen(problem: impl Into<Problem>) -> Value {
        let response = problem.into().into_response("/api/v1/runs/run_1", "request-1");
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header(header::CONTENT_TYPE).as_deref(), Some(PROBLEM_JSON));
        json!({
            "body": serde_json::from_slice::<Value>(response.body()).unwrap(),
            "retry-after": header(header::RETRY_AFTER),
            "www-authenticate": header(header::WWW_AUTHENTICATE),
        })
    }

    #[test]
    fn problems_look_like_this() {
        let fields = vec![FieldError::new("name", "required", "must not be blank"), FieldError::new("slug", "too_long", "too long")];
        assert_json_snapshot!([
            seen(Problem::no_such("config version")),
            seen(Problem::denied(Denied::NotFound, "run")),
            seen(Problem::denied(Denied::Forbidden(Permission::RunsManage), "run")),
            seen(SignInError::Invalid),
            seen(Problem::invalid(fields)),
            seen(CreateRunError::NoDocument),
            seen(Problem::build_in_progress("build_01JZX3Q4T5V6W7X8Y9ZABCDEFG".parse().unwrap())),
            seen(OpenError::Encrypted),
            seen(CompleteError::WrongSize { uploaded: 1, announced: 2 }),
        ]);
    }

    #[test]
    fn what_storage_says_stays_inside() {
        let secret = "arn:aws:dynamodb:secret";
        for error in [
            StoreError::Throttled(secret.to_owned()),
            StoreError::Unavailable { operation: "GetItem", message: secret.to_owned() },
            StoreError::Corrupt(secret.to_owned()),
        ] {
            let problem = Problem::from(error);
            let ours = problem.status().is_server_error() || problem.status() == StatusCode::TOO_MANY_REQUESTS;
            assert!(ours && problem.0.cause.as_ref().is_some_and(|cause| cause.contains(secret)));
            assert!(!seen(problem).to_string().contains(secret));
        }
        assert!(!seen(Problem::internal(secret)).to_string().contains(secret));
    }
}
