//! What confines user code on executors, as the newest one found when it started. Kept in the bucket, where health checks read it without
//! waiting for an executor.

use serde::{Deserialize, Serialize};

use crate::layout;
use crate::store::{Objects, StoreError};
use crate::time::Timestamp;

/// The layers of the sandbox on the executor that started last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// When it started.
    pub started: Timestamp,
    /// Layers in force.
    pub in_force: Vec<String>,
    /// Layers that are not.
    pub missing: Vec<String>,
}

impl Confinement {
    /// Tells of it.
    pub async fn publish(&self, objects: &Objects) -> Result<(), StoreError> {
        let json = serde_json::to_vec(self).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        objects.put(&layout::confinement(), json).await.map(drop)
    }

    /// Reads it; `None` when no executor has started yet.
    pub async fn read(objects: &Objects) -> Result<Option<Self>, StoreError> {
        let json = objects.read(&layout::confinement()).await?;
        json.map(|json| serde_json::from_slice(&json).map_err(|error| StoreError::Corrupt(format!("confinement: {error}")))).transpose()
    }
}
