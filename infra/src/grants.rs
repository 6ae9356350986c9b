//! What each function may do on AWS, and nothing else.
//!
//! A new operation is entered in [`GRANTS`]; without an entry the template can't be made. Entries never name
//! all actions or all resources, which a test holds the template to.
//!
//! What all operations with a caller have in common is in [`SIGNED_IN`], what all POSTs have in common in [`ONCE`],
//! and what the reaper and `sweep` do alike in [`SWEEPING`].
//!
//! A local ADE holds its functions to this list, and [`uses`](crate::uses) finds what is granted and never used.

use std::fmt;

use ade_core::store::Table;
use ade_core::store::table::{API_KEYS, BUILDS, CONFIGS, DOCUMENTS, IDEMPOTENCY, RUNS, SETTINGS, WORKSPACES};

use crate::InfraError;
use crate::operations::{CONSOLE, NOT_FOUND, Operation, REAPER, WORKERS, operations};

/// One permission.
#[derive(Debug, Clone, Copy)]
pub enum Grant {
    /// An action on the items of a table, such as `GetItem`. Parts of a transaction need the permission of their action.
    Table(&'static Table, &'static str),
    /// Reading an index of a table.
    Index(&'static Table, &'static str),
    /// An action on objects below a prefix of the bucket, such as `GetObject`.
    Objects(&'static str, &'static str),
    /// Listing the bucket. Whoever reads objects that may be missing needs it too: without it S3 answers 403 instead of 404.
    ListBucket,
    /// Calling a worker.
    Invoke(&'static str),
}

/// As a function's doing is recorded: `dynamodb:GetItem runs`, `dynamodb:Query runs/by_config`, `s3:GetObject documents`, `s3:ListBucket`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Table(table, action) => words(&format!("dynamodb:{action}"), table.name),
            Self::Index(table, index) => words("dynamodb:Query", &format!("{}/{index}", table.name)),
            Self::Objects(prefix, action) => words(&format!("s3:{action}"), prefix),
            Self::ListBucket => words("s3:ListBucket", ""),
            Self::Invoke(worker) => words("lambda:InvokeFunction", worker),
        })
    }
}

/// An action and what it was done to; nothing, where that is the bucket.
pub fn words(action: &str, resource: &str) -> String {
    format!("{action} {resource}").trim_end().to_owned()
}

use Grant::{Index, Invoke, ListBucket, Objects};

const fn get(table: &'static Table) -> Grant {
    Grant::Table(table, "GetItem")
}

const fn put(table: &'static Table) -> Grant {
    Grant::Table(table, "PutItem")
}

const fn update(table: &'static Table) -> Grant {
    Grant::Table(table, "UpdateItem")
}

const fn delete(table: &'static Table) -> Grant {
    Grant::Table(table, "DeleteItem")
}

const fn query(table: &'static Table) -> Grant {
    Grant::Table(table, "Query")
}

const fn read(prefix: &'static str) -> Grant {
    Objects(prefix, "GetObject")
}

const fn write(prefix: &'static str) -> Grant {
    Objects(prefix, "PutObject")
}

const fn erase(prefix: &'static str) -> Grant {
    Objects(prefix, "DeleteObject")
}

/// To find out who asks, and what a person may do where.
pub const SIGNED_IN: &[Grant] = &[get(&API_KEYS), update(&API_KEYS), get(&WORKSPACES), Index(&WORKSPACES, "by_member")];

/// To do a POST once, however often it is sent.
pub const ONCE: &[Grant] = &[put(&IDEMPOTENCY), update(&IDEMPOTENCY)];

/// To remove what is kept no longer.
pub const SWEEPING: &[Grant] = &[
    get(&WORKSPACES),
    delete(&WORKSPACES),
    Index(&WORKSPACES, "by_kind"),
    get(&CONFIGS),
    Index(&CONFIGS, "by_workspace"),
    get(&BUILDS),
    update(&BUILDS),
    Index(&BUILDS, "by_config"),
    get(&RUNS),
    delete(&RUNS),
    Index(&RUNS, "by_workspace"),
    Index(&RUNS, "by_workspace_status"),
    get(&DOCUMENTS),
    update(&DOCUMENTS),
    delete(&DOCUMENTS),
    Index(&DOCUMENTS, "by_workspace"),
    Index(&DOCUMENTS, "due"),
    erase("runs"),
    erase("documents"),
    erase("builds"),
    ListBucket,
];

/// Each function and what it may do, in the order of their names.
pub const GRANTS: &[(&str, &[Grant])] = &[
    (
        "builder",
        &[get(&BUILDS), update(&BUILDS), get(&CONFIGS), update(&CONFIGS), read("builds"), write("builds"), read("configs"), ListBucket],
    ),
    ("cancel-build", &[get(&BUILDS), update(&BUILDS), update(&CONFIGS)]),
    ("cancel-run", &[get(&RUNS), update(&RUNS)]),
    ("complete-document", &[get(&DOCUMENTS), update(&DOCUMENTS), Index(&RUNS, "by_document"), get(&RUNS), read("documents"), ListBucket]),
    ("console", &[]),
    ("create-api-key", &[get(&WORKSPACES), put(&API_KEYS)]),
    (
        "create-build",
        &[
            get(&SETTINGS),
            get(&CONFIGS),
            put(&CONFIGS),
            update(&CONFIGS),
            get(&BUILDS),
            put(&BUILDS),
            read("configs"),
            write("configs"),
            read("builds"),
            ListBucket,
            Invoke("builder"),
        ],
    ),
    (
        "create-config",
        &[get(&WORKSPACES), get(&CONFIGS), put(&CONFIGS), read("configs"), write("configs"), read("imports"), erase("imports"), ListBucket],
    ),
    ("create-config-upload", &[get(&WORKSPACES), write("imports")]),
    ("create-document", &[get(&WORKSPACES), get(&DOCUMENTS), put(&DOCUMENTS), write("documents")]),
    (
        "create-run",
        &[
            get(&SETTINGS),
            get(&CONFIGS),
            query(&CONFIGS),
            get(&DOCUMENTS),
            get(&RUNS),
            put(&RUNS),
            read("runs"),
            ListBucket,
            Invoke("executor"),
        ],
    ),
    (
        "create-runs",
        &[get(&WORKSPACES), get(&SETTINGS), get(&CONFIGS), query(&CONFIGS), get(&DOCUMENTS), get(&RUNS), put(&RUNS), Invoke("executor")],
    ),
    ("create-workspace", &[put(&WORKSPACES)]),
    (
        "delete-config",
        &[
            get(&CONFIGS),
            query(&CONFIGS),
            update(&CONFIGS),
            delete(&CONFIGS),
            Index(&BUILDS, "by_config"),
            delete(&BUILDS),
            Index(&RUNS, "by_workspace_status"),
            Index(&RUNS, "by_config"),
            delete(&RUNS),
            erase("configs"),
            erase("exports"),
            erase("builds"),
            erase("runs"),
            ListBucket,
        ],
    ),
    ("delete-config-file", &[get(&CONFIGS), read("configs"), erase("configs"), ListBucket]),
    ("delete-document", &[get(&DOCUMENTS), update(&DOCUMENTS)]),
    ("delete-member", &[get(&WORKSPACES), delete(&WORKSPACES)]),
    (
        "delete-workspace",
        &[
            get(&WORKSPACES),
            put(&WORKSPACES),
            query(&WORKSPACES),
            delete(&WORKSPACES),
            get(&RUNS),
            delete(&RUNS),
            Index(&RUNS, "by_workspace"),
            Index(&DOCUMENTS, "by_workspace"),
            update(&DOCUMENTS),
            delete(&DOCUMENTS),
            erase("runs"),
            erase("documents"),
            ListBucket,
            update(&API_KEYS),
            Index(&API_KEYS, "by_workspace"),
            Index(&CONFIGS, "by_workspace"),
            Index(&RUNS, "by_workspace_status"),
        ],
    ),
    ("diff-config-versions", &[get(&CONFIGS), query(&CONFIGS), read("configs"), ListBucket]),
    ("download-document", &[get(&DOCUMENTS), read("documents")]),
    ("download-run-log", &[get(&RUNS), read("runs"), ListBucket]),
    ("download-run-output", &[get(&RUNS), read("runs"), ListBucket]),
    (
        "executor",
        &[
            get(&SETTINGS),
            get(&RUNS),
            update(&RUNS),
            Index(&RUNS, "by_workspace_status"),
            get(&WORKSPACES),
            update(&WORKSPACES),
            get(&CONFIGS),
            put(&CONFIGS),
            update(&CONFIGS),
            query(&CONFIGS),
            get(&BUILDS),
            put(&BUILDS),
            read("configs"),
            write("configs"),
            read("builds"),
            read("documents"),
            read("runs"),
            write("runs"),
            write("system"),
            ListBucket,
            Invoke("executor"),
            Invoke("builder"),
        ],
    ),
    ("export-config", &[get(&CONFIGS), query(&CONFIGS), read("configs"), read("exports"), write("exports"), ListBucket]),
    ("follow-build-events", &[get(&BUILDS), read("builds"), ListBucket]),
    ("follow-run-events", &[get(&RUNS), read("runs"), ListBucket]),
    ("get-build", &[get(&BUILDS), read("builds"), ListBucket]),
    ("get-config", &[get(&CONFIGS), Index(&RUNS, "by_config")]),
    ("get-config-file", &[get(&CONFIGS), read("configs"), ListBucket]),
    ("get-config-version", &[get(&CONFIGS), query(&CONFIGS), read("configs")]),
    ("get-docs", &[]),
    ("get-document", &[get(&DOCUMENTS), Index(&RUNS, "by_document"), get(&RUNS)]),
    ("get-meta", &[]),
    ("get-openapi", &[]),
    ("get-run", &[get(&RUNS)]),
    ("get-run-artifact", &[get(&RUNS), read("runs"), ListBucket]),
    ("get-run-summary", &[get(&RUNS), read("runs"), ListBucket]),
    ("get-safe-mode", &[get(&SETTINGS)]),
    ("get-workspace", &[get(&WORKSPACES)]),
    ("health", &[get(&WORKSPACES), get(&SETTINGS), read("system"), ListBucket, Invoke("executor")]),
    (
        "import-config",
        &[
            get(&CONFIGS),
            update(&CONFIGS),
            read("configs"),
            write("configs"),
            erase("configs"),
            read("imports"),
            erase("imports"),
            ListBucket,
        ],
    ),
    ("list-api-keys", &[get(&WORKSPACES), Index(&API_KEYS, "by_workspace")]),
    ("list-build-logs", &[get(&BUILDS), read("builds"), ListBucket]),
    ("list-builds", &[get(&CONFIGS), Index(&BUILDS, "by_config")]),
    ("list-config-files", &[get(&CONFIGS), ListBucket]),
    ("list-config-versions", &[get(&CONFIGS), Index(&CONFIGS, "versions")]),
    ("list-configs", &[get(&WORKSPACES), Index(&CONFIGS, "by_workspace"), Index(&RUNS, "by_config")]),
    ("list-document-sheets", &[get(&DOCUMENTS), read("documents"), ListBucket]),
    ("list-documents", &[get(&WORKSPACES), Index(&DOCUMENTS, "by_workspace"), Index(&RUNS, "by_document"), get(&RUNS)]),
    ("list-members", &[get(&WORKSPACES), query(&WORKSPACES)]),
    ("list-run-issues", &[get(&RUNS), read("runs"), ListBucket]),
    ("list-run-logs", &[get(&RUNS), read("runs"), ListBucket]),
    ("list-run-outputs", &[get(&RUNS), read("runs"), ListBucket]),
    (
        "list-runs",
        &[
            get(&WORKSPACES),
            get(&RUNS),
            Index(&RUNS, "by_workspace"),
            Index(&RUNS, "by_workspace_status"),
            Index(&RUNS, "by_config"),
            Index(&RUNS, "by_document"),
        ],
    ),
    ("list-workspaces", &[get(&WORKSPACES), Index(&WORKSPACES, "by_kind")]),
    ("move-config-file", &[get(&CONFIGS), read("configs"), write("configs"), erase("configs"), ListBucket]),
    ("not-found", &[]),
    ("preview-document", &[get(&DOCUMENTS), read("documents"), ListBucket]),
    ("preview-run-output", &[get(&RUNS), read("runs"), ListBucket]),
    // S3 asks for reading too, where a write says what it replaces; what a deleted config must not keep is erased again.
    ("put-config-file", &[get(&CONFIGS), read("configs"), write("configs"), erase("configs"), ListBucket]),
    ("put-member", &[get(&WORKSPACES), put(&WORKSPACES)]),
    ("put-safe-mode", &[put(&SETTINGS)]),
    (
        "reaper",
        &[
            get(&RUNS),
            update(&RUNS),
            Index(&RUNS, "due"),
            Index(&RUNS, "by_workspace_status"),
            get(&BUILDS),
            update(&BUILDS),
            Index(&BUILDS, "due"),
            get(&WORKSPACES),
            update(&WORKSPACES),
            update(&CONFIGS),
            Invoke("executor"),
            Invoke("builder"),
            get(&SETTINGS),
            put(&SETTINGS),
        ],
    ),
    ("retry-run", &[get(&SETTINGS), get(&RUNS), put(&RUNS), get(&CONFIGS), Invoke("executor")]),
    ("revoke-api-key", &[get(&WORKSPACES), update(&API_KEYS)]),
    // It says how large what it would remove is.
    ("sweep", &[read("documents")]),
    ("update-config", &[get(&CONFIGS), update(&CONFIGS), Index(&RUNS, "by_config")]),
    ("update-workspace", &[get(&WORKSPACES), put(&WORKSPACES), update(&WORKSPACES), delete(&WORKSPACES)]),
    ("validate-config", &[get(&CONFIGS), get(&SETTINGS), Invoke("builder")]),
];

/// What a function's role allows.
#[derive(Debug, Clone)]
pub struct Role {
    /// The function.
    pub function: String,
    /// What is granted to it alone.
    pub own: &'static [Grant],
    /// What is granted to others too, for code that they share.
    pub shared: Vec<&'static [Grant]>,
}

impl Role {
    fn of(function: &str, shared: Vec<&'static [Grant]>) -> Result<Self, InfraError> {
        let (_, own) = GRANTS.iter().find(|(name, _)| *name == function).ok_or_else(|| InfraError::NoGrants(function.to_owned()))?;
        Ok(Self { function: function.to_owned(), own, shared })
    }

    /// All that it allows; some of it twice.
    pub fn grants(&self) -> impl Iterator<Item = Grant> {
        self.own.iter().chain(self.shared.iter().copied().flatten()).copied()
    }
}

/// The roles of all functions.
pub fn roles() -> Result<Vec<Role>, InfraError> {
    let operations = operations()?;
    let of_operation = |operation: &Operation| {
        let signed_in = (!operation.open).then_some(SIGNED_IN);
        let once = (operation.method == "post").then_some(ONCE);
        let sweeping = (operation.id == "sweep").then_some(SWEEPING);
        Role::of(&operation.id, [signed_in, once, sweeping].into_iter().flatten().collect())
    };
    let others = [CONSOLE, NOT_FOUND].into_iter().chain(WORKERS).map(|function| Role::of(function, Vec::new()));
    let reaper = std::iter::once(Role::of(REAPER, vec![SWEEPING]));
    operations.iter().map(of_operation).chain(others).chain(reaper).collect()
}
