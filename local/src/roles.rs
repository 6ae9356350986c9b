//! The roles of functions, as IAM holds them to what they were granted on AWS.
//!
//! Each function signs with an access key id of its own: that of the data directory, a dot, the function's name. So the embedded
//! services know who asks, of a presigned URL too, and refuse what the function's role in `infra/template.yaml` does not allow: what
//! works on one machine works on AWS. Requests that are signed with the data directory's own key are its owner's, who may do anything.
//!
//! What functions did can be recorded, a line for each function and thing done; `ade_infra::uses` compares the lines with the grants.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ade_infra::grants;
use http::{HeaderMap, header};

/// Between the data directory's key id and the function's name.
const SEPARATOR: char = '.';

/// What each function may do. Clones share the record.
#[derive(Debug, Clone, Default)]
pub struct Roles(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    table_prefix: String,
    function_prefix: String,
    /// By function.
    allowed: BTreeMap<String, BTreeSet<String>>,
    record: Option<Mutex<Record>>,
}

#[derive(Debug)]
struct Record {
    file: File,
    seen: HashSet<String>,
}

/// That a role does not allow something, in the words of IAM.
#[derive(Debug)]
pub(crate) struct Refusal {
    action: String,
    resource: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, resource } = self;
        write!(f, "User is not authorized to perform: {action}")?;
        if !resource.is_empty() {
            write!(f, " on resource: {resource}")?;
        }
        write!(f, " because no identity-based policy allows the {action} action")
    }
}

/// Why there are no roles.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// The grants and the operations do not fit together.
    #[error(transparent)]
    Grants(#[from] ade_infra::InfraError),
    /// Nothing can be recorded.
    #[error("cannot write {path}: {source}")]
    Record {
        /// Where to.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

impl Roles {
    /// The roles of the deployment template, for tables and functions whose names start like this. What functions do is added to the
    /// file `record`.
    ///
    /// # Errors
    /// The template can't be made, or the file can't be opened.
    pub fn read(table_prefix: &str, function_prefix: &str, record: Option<&Path>) -> Result<Self, RolesError> {
        let words = |role: &grants::Role| role.grants().map(|grant| grant.to_string()).collect();
        let allowed = grants::roles()?.into_iter().map(|role| (role.function.clone(), words(&role))).collect();
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.map_err(|source| RolesError::Record { path: path.display().to_string(), source })
        };
        let file = record.map(open).transpose()?;
        Ok(Self(Arc::new(Inner {
            table_prefix: table_prefix.to_owned(),
            function_prefix: function_prefix.to_owned(),
            allowed,
            record: file.map(|file| Mutex::new(Record { file, seen: HashSet::new() })),
        })))
    }

    pub(crate) fn check_table(&self, key_id: &str, action: &str, table: &str, index: Option<&str>) -> Result<(), Refusal> {
        let table = table.strip_prefix(&self.0.table_prefix).unwrap_or(table);
        let resource = index.map_or_else(|| table.to_owned(), |index| format!("{table}/{index}"));
        self.check(key_id, format!("dynamodb:{action}"), resource)
    }

    pub(crate) fn check_object(&self, key_id: &str, action: &str, key: &str) -> Result<(), Refusal> {
        let prefix = key.split_once('/').map_or(key, |(prefix, _)| prefix);
        self.check(key_id, format!("s3:{action}"), prefix.to_owned())
    }

    pub(crate) fn check_bucket(&self, key_id: &str, action: &str) -> Result<(), Refusal> {
        self.check(key_id, format!("s3:{action}"), String::new())
    }

    pub(crate) fn check_function(&self, key_id: &str, function: &str) -> Result<(), Refusal> {
        let function = function.strip_prefix(&self.0.function_prefix).unwrap_or(function);
        self.check(key_id, "lambda:InvokeFunction".to_owned(), function.to_owned())
    }

    fn check(&self, key_id: &str, action: String, resource: String) -> Result<(), Refusal> {
        let Some(function) = function_of(key_id) else { return Ok(()) };
        let done = grants::words(&action, &resource);
        let allowed = self.0.allowed.get(function).is_some_and(|allowed| allowed.contains(&done));
        if let Some(record) = &self.0.record {
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = record.add(format!("{function}\t{done}\n")) {
                tracing::error!(%error, function, done, "what a function did could not be recorded");
            }
        }
        if allowed {
            return Ok(());
        }
        tracing::warn!(function, action, resource, "refused: the function's role does not allow it");
        Err(Refusal { action, resource })
    }
}

impl Record {
    /// Writes what is new, in one piece: others write to the same file.
    fn add(&mut self, line: String) -> io::Result<()> {
        if !self.seen.contains(&line) {
            self.file.write_all(line.as_bytes())?;
            self.seen.insert(line);
        }
        Ok(())
    }
}

/// The key id that a function signs with.
pub(crate) fn key_id(data_dir: &str, function: &str) -> String {
    format!("{data_dir}{SEPARATOR}{function}")
}

/// The key id of the data directory in that of a function.
pub(crate) fn owner_of(key_id: &str) -> &str {
    key_id.split_once(SEPARATOR).map_or(key_id, |(owner, _)| owner)
}

/// The function that signs with a key id; none when it is the owner's.
pub(crate) fn function_of(key_id: &str) -> Option<&str> {
    key_id.split_once(SEPARATOR).map(|(_, function)| function)
}

/// The key id that a request's headers were signed with.
pub(crate) fn signer(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    Some(credential.split_once('/')?.0)
}
