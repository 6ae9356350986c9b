use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::id::{BuildId, ConfigId, DocumentId, RunId, WorkspaceId};
use crate::lease::DUE_SHARDS;
use crate::store::Item;
use crate::store::page::InvalidCursor;
use crate::store::table::string_key;

/// How far a sweep has come: what it looks at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub(super) Place);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// Documents that were not uploaded, or were deleted, in a partition of their `due` index.
    Due { shard: usize, after: Option<(i64, DocumentId)> },
    /// The next workspace.
    Next { kind: Kind, after: Option<WorkspaceId> },
    /// The runs of a workspace.
    Runs { of: Owner, after: Option<RunId> },
    /// Its documents.
    Documents { of: Owner, after: Option<DocumentId> },
    /// Its next config.
    Configs { of: Owner, after: Option<ConfigId> },
    /// The builds of a config.
    Builds { of: Owner, config: ConfigId, after: Option<BuildId> },
}

impl Place {
    /// What comes after all that is here.
    pub(super) fn over(self) -> Option<Self> {
        Some(match self {
            Self::Due { shard, .. } if shard + 1 < DUE_SHARDS.len() => Self::Due { shard: shard + 1, after: None },
            Self::Due { .. } => Self::Next { kind: Kind::Live, after: None },
            Self::Next { kind: Kind::Live, .. } => Self::Next { kind: Kind::Deleted, after: None },
            Self::Next { kind: Kind::Deleted, .. } => return None,
            Self::Runs { of, .. } => Self::Documents { of, after: None },
            Self::Documents { of, .. } if of.kind == Kind::Live => Self::Configs { of, after: None },
            Self::Documents { of, .. } | Self::Configs { of, .. } => Self::Next { kind: of.kind, after: Some(of.workspace) },
            Self::Builds { of, config, .. } => Self::Configs { of, after: Some(config) },
        })
    }
}

/// A workspace, or what is left of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) kind: Kind,
    pub(super) workspace: WorkspaceId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// It is there.
    Live,
    /// It was deleted, and its time is up: nothing of it stays.
    Deleted,
}

impl Position {
    /// Where a sweep begins.
    pub(super) const START: Self = Self(Place::Due { shard: 0, after: None });

    /// As a text to be handed back.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads such a text.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let position: Self = serde_json::from_slice(&bytes).map_err(|_| InvalidCursor)?;
        match position.0 {
            Place::Due { shard, .. } if shard >= DUE_SHARDS.len() => Err(InvalidCursor),
            _ => Ok(position),
        }
    }
}

/// Where reading a partition of the `due` index goes on.
pub(super) fn start_key(shard: &str, after: Option<(i64, DocumentId)>) -> Option<Item> {
    let (due, id) = after?;
    let mut key = string_key([("document_id", &id.to_string()), ("due_shard", shard)]);
    key.insert("due_at".to_owned(), AttributeValue::N(due.to_string()));
    Some(key)
}

/// The same, from the last key that was read.
pub(super) fn after_key(key: &Item) -> Option<(i64, DocumentId)> {
    Some((key.get("due_at")?.as_n().ok()?.parse().ok()?, key.get("document_id")?.as_s().ok()?.parse().ok()?))
}
