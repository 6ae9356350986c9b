use std::collections::BTreeMap;
use std::time::Duration;

use super::model::{ApiKey, SecretKey};
use crate::access::{Access, Principal, PrincipalKind, Role, Submitter};
use crate::id::{KeyId, WorkspaceId};
use crate::store::table::{API_KEYS, ListError, string_key};
use crate::store::{Page, PageRequest, StoreError, Tables};
use crate::time::Timestamp;

/// How exact `last_used` is: a key in steady use costs one write in this time.
const LAST_USED_STEP: Duration = Duration::from_mins(1);

/// Creating keys and signing in with them.
#[derive(Debug, Clone)]
pub struct ApiKeys {
    tables: Tables,
}

/// Why a key was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// It is unknown, wrong, expired or revoked: which of these is nobody's business.
    #[error("the API key is not valid")]
    Invalid,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeys {
    /// Keys in these tables.
    pub fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Creates a key; the secret is returned this once.
    pub async fn create(
        &self,
        workspace: Option<WorkspaceId>,
        name: &str,
        role: Role,
        expires: Option<Timestamp>,
    ) -> Result<(ApiKey, SecretKey), StoreError> {
        let (key, secret) = ApiKey::generate(workspace, name.to_owned(), role, expires);
        self.tables.create(&API_KEYS, &key).await?;
        Ok((key, secret))
    }

    /// Reads a key's record, consistently: a new or revoked key counts at once.
    pub async fn get(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.tables.get(&API_KEYS, Self::key(id)).await
    }

    /// A workspace's keys, newest first, revoked ones included.
    pub async fn list(&self, workspace: WorkspaceId, page: PageRequest) -> Result<Page<ApiKey>, ListError> {
        self.tables.list(&API_KEYS, "by_workspace", &workspace.to_string(), page, |_: &ApiKey| true).await
    }

    /// Ends a key's use, from the next request on. One that was revoked before stays as it is.
    pub async fn revoke(&self, key: ApiKey) -> Result<ApiKey, StoreError> {
        if key.revoked.is_some() {
            return Ok(key);
        }
        let update = self.tables.update(&API_KEYS, Self::key(key.key_id)).set("revoked", Timestamp::now())?;
        Ok(serde_dynamo::from_item(update.send(self.tables.client()).await?)?)
    }

    /// Ends the use of all keys of a workspace.
    pub async fn revoke_all(&self, workspace: WorkspaceId) -> Result<(), ListError> {
        let mut cursor = None;
        loop {
            let page = self.list(workspace, PageRequest { limit: 100, cursor }).await?;
            for key in page.items {
                self.revoke(key).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Finds out who a key belongs to.
    pub async fn sign_in(&self, presented: &str) -> Result<Principal, SignInError> {
        let presented = SecretKey::parse(presented).ok_or(SignInError::Invalid)?;
        let key = self.get(presented.id).await?.ok_or(SignInError::Invalid)?;
        let now = Timestamp::now();
        let usable =
            key.secret_hash.matches(presented.secret()) && key.revoked.is_none() && key.expires.is_none_or(|expires| expires > now);
        if !usable {
            return Err(SignInError::Invalid);
        }
        if key.last_used.is_none_or(|used| now > used + LAST_USED_STEP) {
            self.note_use(key.key_id, now).await;
        }
        let submitter = Submitter { kind: PrincipalKind::ApiKey, id: key.key_id.to_string(), name: key.name };
        let access = match (key.workspace_id, key.role) {
            (None, Role::SystemAdmin) => Access::System,
            (None, _) => Access::Workspaces(BTreeMap::new()),
            (Some(workspace), role) => Access::Workspaces([(workspace, role)].into()),
        };
        Ok(Principal { submitter, access })
    }

    /// Records the last use. A request is not refused because this could not be written.
    async fn note_use(&self, id: KeyId, now: Timestamp) {
        let written = async { self.tables.update(&API_KEYS, Self::key(id)).set("last_used", now)?.send(self.tables.client()).await }.await;
        if let Err(error) = written {
            tracing::warn!(%error, key_id = %id, "last use of a key not recorded");
        }
    }

    fn key(id: KeyId) -> crate::store::Item {
        string_key([("key_id", &id.to_string())])
    }
}
