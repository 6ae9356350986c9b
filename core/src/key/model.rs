use std::fmt;

use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::access::Role;
use crate::id::{KeyId, WorkspaceId};
use crate::store::SCHEMA;
use crate::time::Timestamp;

/// SHA-256 of a key's secret. The secret has 256 random bits, so a fast hash is as good as a slow one.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyHash(String);

impl KeyHash {
    fn of(secret: &str) -> Self {
        Self(hex::encode(Sha256::digest(secret.as_bytes())))
    }

    /// Whether this is the hash of `secret`, compared in constant time.
    pub fn matches(&self, secret: &str) -> bool {
        let other = Self::of(secret);
        self.0.len() == other.0.len() && self.0.bytes().zip(other.0.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// An API key as it is stored (table `api-keys`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its public part.
    pub key_id: KeyId,
    schema: u32,
    /// Its workspace; none for system admins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// Its name for people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was created.
    pub created: Timestamp,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// Its secret's hash. Not in any index: a listed key has one that matches nothing.
    #[serde(default)]
    pub secret_hash: KeyHash,
}

/// A whole key, secret included: what a client sends. Never logged: its `Debug` shows the public part only.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    /// The public part.
    pub id: KeyId,
    secret: String,
}

impl SecretKey {
    /// Reads `ade_<key_id>_<secret>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("ade_")?.rsplit_once('_')?;
        let valid = secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit());
        if valid { Some(Self { id: id.parse().ok()?, secret: secret.to_owned() }) } else { None }
    }

    /// The text that clients send. Show it once, store it nowhere.
    pub fn expose(&self) -> String {
        format!("ade_{}_{}", self.id, self.secret)
    }

    /// The secret part.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}

impl ApiKey {
    /// A new key and its secret.
    pub fn generate(workspace_id: Option<WorkspaceId>, name: String, role: Role, expires: Option<Timestamp>) -> (Self, SecretKey) {
        let mut random = [0u8; 32];
        rand::rng().fill_bytes(&mut random);
        let secret = SecretKey { id: KeyId::generate(), secret: hex::encode(random) };
        let key = Self {
            key_id: secret.id,
            schema: SCHEMA,
            workspace_id,
            name,
            role,
            created: Timestamp::now(),
            expires,
            last_used: None,
            revoked: None,
            secret_hash: KeyHash::of(&secret.secret),
        };
        (key, secret)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_reads_back_and_matches_only_itself() {
        let (key, secret) = ApiKey::generate(None, "k".into(), Role::SystemAdmin, None);
        let (_, other) = ApiKey::generate(None, "k".into(), Role::SystemAdmin, None);
        assert_eq!(SecretKey::parse(&secret.expose()).unwrap(), secret);
        assert!(key.secret_hash.matches(secret.secret()));
        assert!(!key.secret_hash.matches(other.secret()));
        assert_eq!(SecretKey::parse("ade_key_x_y"), None);
        assert!(!format!("{key:?} {secret:?}").contains(secret.secret()));
    }
}
