//! Safe mode: new runs and builds are recorded and end at once as `canceled`; no process is started for them.
//!
//! The environment of the functions may force it on, and then nothing at run time turns it off. Otherwise it is a record that is
//! read consistently whenever a run or build is created, so a change counts from the next one on. What is under way goes on.

use serde::{Deserialize, Serialize};

use crate::store::table::{SETTINGS, string_key};
use crate::store::{SCHEMA, StoreError, Tables};
use crate::time::Timestamp;

/// What people are told when the operator did not say anything.
const DETAIL: &str = "ADE is in safe mode: new runs and builds are recorded but not executed.";

/// Reading and changing safe mode.
#[derive(Debug, Clone)]
pub struct SafeMode {
    tables: Tables,
    forced: Option<String>,
}

/// Safe mode as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SafeModeState {
    /// Whether it is on.
    pub enabled: bool,
    /// What the operator wants people to know.
    pub detail: Option<String>,
    /// The environment forces it on.
    pub locked: bool,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
}

/// Why safe mode was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SetSafeModeError {
    /// The environment forces it on.
    #[error("safe mode is forced on by ADE_SAFE_MODE in the environment of the functions")]
    Locked,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The record (table `settings`, item `safe_mode`).
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    name: String,
    schema: u32,
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    updated: Timestamp,
}

impl Record {
    const NAME: &'static str = "safe_mode";
}

impl SafeMode {
    /// Safe mode as these tables have it.
    pub fn new(tables: Tables) -> Self {
        Self { tables, forced: None }
    }

    /// Safe mode that is on whatever the tables say. Without `detail` people are told the usual.
    pub fn forced(tables: Tables, detail: Option<String>) -> Self {
        Self { tables, forced: Some(detail.unwrap_or_else(|| DETAIL.to_owned())) }
    }

    /// What people are told while it is on.
    pub async fn skips(&self) -> Result<Option<String>, StoreError> {
        let state = self.state().await?;
        Ok(state.enabled.then(|| state.detail.unwrap_or_else(|| DETAIL.to_owned())))
    }

    /// How it is.
    pub async fn state(&self) -> Result<SafeModeState, StoreError> {
        if let Some(detail) = &self.forced {
            return Ok(SafeModeState { enabled: true, detail: Some(detail.clone()), locked: true, updated: None });
        }
        let record: Option<Record> = self.tables.get(&SETTINGS, string_key([("name", Record::NAME)])).await?;
        Ok(record.map_or_else(SafeModeState::default, |record| SafeModeState {
            enabled: record.enabled,
            detail: record.detail,
            locked: false,
            updated: Some(record.updated),
        }))
    }

    /// Turns it on or off.
    pub async fn set(&self, enabled: bool, detail: Option<String>) -> Result<SafeModeState, SetSafeModeError> {
        if self.forced.is_some() {
            return Err(SetSafeModeError::Locked);
        }
        let record = Record { name: Record::NAME.to_owned(), schema: SCHEMA, enabled, detail, updated: Timestamp::now() };
        self.tables.put(&SETTINGS, &record).await?;
        Ok(SafeModeState { enabled, detail: record.detail, locked: false, updated: Some(record.updated) })
    }
}
