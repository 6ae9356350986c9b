//! Signing in with an access token of an `OpenID` Connect provider.
//!
//! A token is believed when one of the issuer's public keys has signed it, it is meant for us, and it has not expired, give or take
//! [`SKEW`]. Who its subject is here is decided by us alone: a member of workspaces, or a system admin by the settings. The keys are
//! fetched when they are first needed, again when a token names one that is not known (providers rotate them), and after
//! [`FRESH`]; while the provider does not answer, the known ones are used.

use std::time::Duration;

use ade_core::Ade;
use ade_core::access::{Access, Principal, PrincipalKind, Submitter};
use ade_core::settings::Settings;
use ade_core::time::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Problem;
use super::fetch::fetch;
use super::jwt::{Key, KeySet, Token};

/// How far our clock and the provider's may be apart, in seconds.
const SKEW: i64 = 60;
/// How long keys are used without asking again.
const FRESH: Duration = Duration::from_hours(1);
/// Least time between two questions for keys: tokens with made-up key ids must not make us ask all the time.
const COOLDOWN: Duration = Duration::from_secs(10);
/// How long the provider has to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest set of keys that is read.
const KEYS_LIMIT: usize = 256 << 10;
/// Longest token that is looked at.
const TOKEN_LIMIT: usize = 16 << 10;

/// Access tokens of one issuer.
pub(super) struct Oidc {
    issuer: String,
    audience: Option<String>,
    jwks_url: String,
    admins: Vec<String>,
    known: Mutex<Known>,
}

/// The issuer's keys as far as we know.
#[derive(Default)]
struct Known {
    keys: Option<KeySet>,
    asked: Option<Instant>,
    answered: Option<Instant>,
}

/// What a token says.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    /// When it expires, and from when on it counts, in Unix seconds; with fractions if the provider likes.
    exp: f64,
    nbf: Option<f64>,
    #[serde(default)]
    aud: Audience,
    /// Who asked for the token; Amazon Cognito's access tokens have it in place of `aud`.
    client_id: Option<String>,
    /// What Amazon Cognito's tokens are for: `access` or `id`.
    token_use: Option<String>,
    name: Option<String>,
    preferred_username: Option<String>,
    email: Option<String>,
    username: Option<String>,
}

/// One audience or several.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::None => false,
            Self::One(one) => one == wanted,
            Self::Several(several) => several.iter().any(|one| one == wanted),
        }
    }
}

impl Oidc {
    /// The issuer of the settings, if there is one.
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let issuer = settings.oidc_issuer.clone()?;
        let default = || format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'));
        Some(Self {
            jwks_url: settings.oidc_jwks_url.clone().unwrap_or_else(default),
            audience: settings.oidc_audience.clone(),
            admins: settings.oidc_admins.0.clone(),
            known: Mutex::default(),
            issuer,
        })
    }

    /// Whether credentials look like a signed token: three parts. API keys have no dots.
    pub(super) fn is_token(credentials: &str) -> bool {
        credentials.split('.').count() == 3
    }

    /// Finds out whose token it is and what they may do.
    pub(super) async fn sign_in(&self, ade: &Ade, token: &str) -> Result<Principal, Problem> {
        let claims = self.claims(token).await?;
        let access = if self.admins.contains(&claims.sub) {
            Access::System
        } else {
            Access::Workspaces(ade.workspaces.memberships(&claims.sub).await?)
        };
        let name = [claims.name, claims.preferred_username, claims.email, claims.username].into_iter().flatten().next();
        let name = name.unwrap_or_else(|| claims.sub.clone());
        Ok(Principal { submitter: Submitter { kind: PrincipalKind::User, id: claims.sub, name }, access })
    }

    async fn claims(&self, token: &str) -> Result<Claims, Problem> {
        let refused = |why: &str| {
            tracing::info!(why, "access token refused");
            Problem::unauthorized("The access token is not valid, or has expired.")
        };
        if token.len() > TOKEN_LIMIT {
            return Err(refused("too long"));
        }
        let token = Token::parse(token).ok_or_else(|| refused("it can't be read"))?;
        let key = self.key(token.key_id()).await?.ok_or_else(|| refused("its key is not known"))?;
        let claims: Claims = token.claims(&key).ok_or_else(|| refused("its signature or its claims are not right"))?;
        let now = Timestamp::now().seconds();
        if claims.iss != self.issuer {
            return Err(refused("somebody else issued it"));
        }
        if claims.exp <= (now - SKEW) as f64 || claims.nbf.is_some_and(|from| from > (now + SKEW) as f64) {
            return Err(refused("it has expired or does not count yet"));
        }
        let for_us = |audience: &String| claims.aud.has(audience) || claims.client_id.as_ref() == Some(audience);
        if !self.audience.as_ref().is_none_or(for_us) {
            return Err(refused("it is for somebody else"));
        }
        if claims.token_use.as_deref().is_some_and(|token_use| token_use != "access") {
            return Err(refused("it is no access token"));
        }
        if claims.sub.is_empty() || claims.sub.chars().count() > 255 {
            return Err(refused("its subject can't be used"));
        }
        Ok(claims)
    }

    /// The key with this id, fetched when it is not known; a set of one key needs no id.
    async fn key(&self, id: Option<&str>) -> Result<Option<Key>, Problem> {
        let mut known = self.known.lock().await;
        let since = |at: Option<Instant>| at.map(|at| at.elapsed());
        let found = known.find(id);
        let stale = since(known.answered).is_none_or(|age| age > FRESH);
        let may_ask = since(known.asked).is_none_or(|age| age > COOLDOWN);
        if (found.is_some() && !stale) || !may_ask {
            return Ok(found);
        }
        known.asked = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                (known.keys, known.answered) = (Some(keys), Some(Instant::now()));
                Ok(known.find(id))
            }
            Err(error) if known.keys.is_some() => {
                tracing::warn!(%error, url = self.jwks_url, "keys of the identity provider not refreshed");
                Ok(found)
            }
            Err(error) => {
                // Nobody can sign in before it answers, so the next request asks again.
                known.asked = None;
                Err(Problem::no_identity_provider(format!("{}: {error}", self.jwks_url)))
            }
        }
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        let body = fetch(&self.jwks_url, KEYS_LIMIT, PATIENCE).await?;
        KeySet::parse(&body).map_err(|error| error.to_string())
    }
}

impl Known {
    fn find(&self, id: Option<&str>) -> Option<Key> {
        self.keys.as_ref()?.find(id).cloned()
    }
}
