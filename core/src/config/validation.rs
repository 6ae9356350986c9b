//! What is found when a draft is checked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether an issue is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssueSeverity {
    /// The config can't be built.
    Error,
    /// It can, but something in it is probably not as it was meant.
    Warning,
}

/// Something that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigIssue {
    /// The file it is in, if it is in one.
    #[schema(example = "src/ade_config/columns/email.py")]
    pub path: Option<String>,
    /// The line of the file, from 1.
    #[schema(example = 12)]
    pub line: Option<u64>,
    /// What is wrong, for programs: `syntax_error`, `import_error`, `load_error`, `config_error`, `missing_register`,
    /// `unknown_parameter`, `no_fields`, `requirements`, `files`, `timeout`, `crashed`.
    #[schema(example = "syntax_error")]
    pub code: String,
    /// What is wrong, for people.
    #[schema(example = "invalid syntax")]
    pub message: String,
    /// Whether it is in the way.
    pub severity: IssueSeverity,
}

impl ConfigIssue {
    /// An error that is not at a certain line.
    pub fn error(path: Option<&str>, code: &str, message: impl Into<String>) -> Self {
        let (path, code) = (path.map(str::to_owned), code.to_owned());
        Self { path, line: None, code, message: message.into(), severity: IssueSeverity::Error }
    }
}

/// What came of checking a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// Hash of the files that were checked; `None` when they could not be read as a whole.
    pub fileset_hash: Option<String>,
    /// What was found, errors first.
    pub issues: Vec<ConfigIssue>,
}

impl Validation {
    /// Whether nothing is in the way of a build.
    pub fn is_valid(&self) -> bool {
        self.issues.iter().all(|issue| issue.severity != IssueSeverity::Error)
    }
}
