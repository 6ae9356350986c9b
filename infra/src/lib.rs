//! ADE on AWS, as one template.
//!
//! What the template says about single operations and tables is derived: from `docs/openapi.json` (which operations there are, which
//! of them stream), from the tables' definitions and the settings in the core, and from [`grants`] (what each function may do). What is
//! there once (the bucket, alarms, most parameters) is written by hand in `stack.yaml`. Together they make `template.yaml`, and `api.yaml`, the API
//! Gateway definition that it includes. Both are committed; a test fails when they are stale, and `make openapi` writes them.
//!
//! ```text
//! docs/openapi.json ─┬─▶ api.yaml ──(included by)──┐
//!                    ├─▶ functions and roles ─┐    ▼
//! core tables ───────┼─▶ tables ──────────────┼▶ template.yaml
//! core settings ─────┼─▶ parameters ──────────┤
//! stack.yaml ────────┴────────────────────────┘
//! ```

#![forbid(unsafe_code)]

mod api;
mod functions;
pub mod grants;
pub mod operations;
mod settings;
mod tables;
mod template;
pub mod uses;

pub use api::api;
pub use template::template;

/// Why the files can't be derived.
#[derive(Debug, thiserror::Error)]
pub enum InfraError {
    /// `docs/openapi.json` is not what it should be.
    #[error("docs/openapi.json can't be read: {0}")]
    OpenApi(String),
    /// `stack.yaml` is not YAML.
    #[error("infra/stack.yaml can't be read: {0}")]
    Stack(#[from] serde_saphyr::Error),
    /// A parameter for a setting that is not declared.
    #[error("infra/src/settings.rs names {0}, which is no setting")]
    NoSetting(String),
    /// An operation without permissions.
    #[error("infra/src/grants.rs does not say what {0} may do")]
    NoGrants(String),
    /// A name that both parts of the template use.
    #[error("infra/stack.yaml declares {0}, which is derived")]
    Twice(String),
}

/// A resource name made from an operation id or a table name: `get-run` is `GetRun`.
pub fn logical_name(id: &str) -> String {
    id.split(['-', '_'])
        .filter_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
        })
        .collect()
}

#[cfg(test)]
mod tests;
