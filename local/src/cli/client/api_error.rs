//! Why a request got no usable answer, and what to do about it.

use serde::Deserialize;

use crate::cli::error::CliError;

/// Why a request got no usable answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ApiError {
    /// The server could not be reached, or the connection broke.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// The server.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The server refused, with an explanation.
    #[error("{}", .0.sentence())]
    Refused(Box<Problem>),
    /// The answer makes no sense.
    #[error("the server's answer cannot be understood: {0}")]
    Answer(String),
    /// A file on this machine.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A refusal (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Problem {
    /// HTTP status.
    pub(in crate::cli) status: u16,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: Option<String>,
    /// Stable name of the problem.
    #[serde(default)]
    pub(in crate::cli) code: String,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

#[derive(Debug, Clone, Deserialize)]
struct FieldProblem {
    #[serde(default)]
    path: String,
    #[serde(default)]
    message: String,
}

impl Problem {
    fn sentence(&self) -> String {
        let mut text = self.detail.clone().unwrap_or_else(|| self.title.clone());
        text.truncate(text.trim_end_matches('.').len());
        for error in &self.errors {
            text = format!("{text}; {}: {}", error.path, error.message);
        }
        let code = if self.code.is_empty() { String::new() } else { format!(" {}", self.code) };
        let request = self.request_id.as_deref().map(|id| format!(", request {id}")).unwrap_or_default();
        format!("{text} ({}{code}{request})", self.status)
    }
}

impl ApiError {
    /// The status of a refusal.
    pub(in crate::cli) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::Unreachable { .. } | Self::Answer(_) | Self::File { .. } => None,
        }
    }
}

impl From<ApiError> for CliError {
    fn from(error: ApiError) -> Self {
        let is_about_input =
            matches!(&error, ApiError::File { .. }) || error.status().is_some_and(|status| matches!(status, 409 | 413 | 415 | 422));
        let failed = Self::failed(&error);
        let mut hinted = match &error {
            ApiError::Unreachable { .. } => failed.hint("is it running? `ade up` starts a local one; --url or ADE_URL names another"),
            ApiError::Refused(problem) => match problem.status {
                400 | 422 if problem.code == "idempotency_key_reused" => failed.hint("use another key for another request"),
                401 => failed.hint("give a valid key with --api-key or ADE_API_KEY; a local one is in .ade/local.json"),
                403 => failed.hint("this needs a key with another role: ask an admin of the workspace"),
                429 | 503 => failed.hint("the server is busy: try again in a moment"),
                422 if problem.code.starts_with("document_") => {
                    failed.hint("open the file in a spreadsheet program and save it without a password as .xlsx or .csv")
                }
                404 => failed.hint("check the id; what belongs to another workspace than the key's does not exist for it"),
                422 if problem.code == "config_too_large" => failed.hint("remove what the rules do not need; a config has at most 64 MiB"),
                409 => failed.hint(conflict_hint(&problem.code)),
                412 | 428 => failed.hint("somebody else changed it: read it again, then repeat your change"),
                413 => failed.hint("send less at a time, or ask the operator for a higher limit"),
                500..=599 => failed.hint("the server's log says more under this request id; locally: .ade/logs/functions"),
                _ => failed.hint("correct what the message names; docs/api.md describes every field"),
            },
            ApiError::Answer(_) => failed.hint("does --url name an ADE of this version?"),
            ApiError::File { .. } => failed.hint("check that the place exists, has room and may be used by you"),
        };
        hinted.is_about_input = is_about_input;
        hinted
    }
}

/// What to do when another state is needed first.
fn conflict_hint(code: &str) -> &'static str {
    match code {
        "build_in_progress" => "wait for it with `ade builds logs --follow BUILD`, or end it with `ade builds cancel BUILD`",
        "run_not_over" | "output_not_ready" => "wait for its end with `ade runs logs --follow RUN`",
        "run_not_cancelable" | "build_not_cancelable" => "it is over; see how with `ade runs show RUN` or `ade builds show BUILD`",
        "document_not_ready" | "document_not_uploaded" => "upload the document and complete it first",
        "slug_taken" => "choose another slug",
        "in_use" => "wait for its runs, or end them: `ade runs list --active`",
        "workspace_not_empty" => "delete its configs first",
        "safe_mode_locked" => "unset ADE_SAFE_MODE in the environment of the functions",
        "config_deleted" => "start a new run with another config",
        "safe_mode" => "nothing is executed while safe mode is on; a system admin ends it with `ade safe-mode off`",
        "path_conflict" | "file_exists" => "a path is a file or a directory, not both: rename one of them",
        _ => "look at what it is now, then try again",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn every_refusal_says_what_to_do() {
        let refused = |status: u16, code: &str| {
            let problem = json!({ "status": status, "title": "Refused", "detail": "It can't be.", "code": code, "request_id": "r-1" });
            ApiError::Refused(Box::new(serde_json::from_value(problem).unwrap()))
        };
        let statuses = [
            (400, "invalid_json"),
            (401, "unauthorized"),
            (403, "permission_denied"),
            (404, "run_not_found"),
            (409, "build_in_progress"),
            (409, "run_not_over"),
            (409, "run_not_cancelable"),
            (409, "document_not_ready"),
            (409, "slug_taken"),
            (409, "in_use"),
            (409, "workspace_not_empty"),
            (409, "safe_mode_locked"),
            (409, "config_deleted"),
            (409, "safe_mode"),
            (409, "path_conflict"),
            (409, "conflict"),
            (412, "precondition_failed"),
            (413, "payload_too_large"),
            (415, "unsupported_media_type"),
            (422, "validation_failed"),
            (422, "document_encrypted"),
            (422, "config_too_large"),
            (422, "idempotency_key_reused"),
            (429, "throttled"),
            (500, "internal"),
            (503, "storage_unavailable"),
            (504, "function_timeout"),
        ];
        let file = |action| ApiError::File { action, path: "a.csv".to_owned(), source: std::io::Error::other("it is full") };
        let unreachable = ApiError::Unreachable { url: "http://127.0.0.1:8000".to_owned(), reason: "connection refused".to_owned() };
        let others = [unreachable, ApiError::Answer("status 302 without an explanation".to_owned()), file("read"), file("write")];
        let errors = statuses.into_iter().map(|(status, code)| refused(status, code)).chain(others);
        let texts: Vec<String> = errors.map(|error| CliError::from(error).to_string()).collect();
        assert!(texts.iter().all(|text| text.contains("\n  hint: ")), "{texts:#?}");
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn a_problem_reads_as_a_sentence() {
        let problem: Problem = serde_json::from_value(json!({
            "type": "about:blank", "title": "Unprocessable", "status": 422, "detail": "The request is not valid.", "code": "invalid_request",
            "request_id": "r-1", "errors": [{ "path": "/name", "message": "is too long", "code": "too_long" }],
        }))
        .unwrap();
        assert_eq!(problem.sentence(), "The request is not valid; /name: is too long (422 invalid_request, request r-1)");
    }
}
