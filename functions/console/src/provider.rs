//! The identity provider that people sign in at: what the page has to know of it.
//!
//! The provider describes itself ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html)). Its description
//! is asked for by the function rather than the page, whose policy must name the provider before anything is asked.

use std::time::Duration;

use ade_core::settings::Settings;
use ade_functions::edge::fetch;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Host, Url};

/// How long a description is used without asking again.
const FRESH: Duration = Duration::from_hours(1);
/// Least time between two questions that were not answered: every page would wait for them.
const COOLDOWN: Duration = Duration::from_secs(10);
/// How long the provider has to answer. Pages wait for it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest description that is read.
const LIMIT: usize = 256 << 10;

/// What the page needs to sign somebody in with an authorization code and PKCE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Provider {
    /// Its host, to name it to people.
    name: String,
    /// What the page is there.
    client_id: String,
    /// What is asked for.
    scope: String,
    /// Where people are sent.
    authorization_endpoint: String,
    /// Where codes are exchanged for tokens.
    token_endpoint: String,
    /// The origin of that, which the page's policy must name.
    #[serde(skip)]
    pub(crate) token_origin: String,
}

/// How a provider describes itself, as far as we need it.
#[derive(Debug, Deserialize)]
struct Description {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
}

/// The provider of the settings, and what it last said.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    known: Mutex<Option<(Instant, Option<Provider>)>>,
}

impl Providers {
    /// The provider; `None` when there is none, or it can't be used now: people can still sign in with an API key.
    pub(crate) async fn current(&self, settings: &Settings) -> Option<Provider> {
        let (issuer, client_id) = (settings.oidc_issuer.as_ref()?, settings.oidc_client_id.as_ref()?);
        let mut known = self.known.lock().await;
        if let Some((asked, provider)) = known.as_ref()
            && asked.elapsed() < if provider.is_some() { FRESH } else { COOLDOWN }
        {
            return provider.clone();
        }
        let provider = match describe(issuer).await {
            Ok([authorization, token]) => Some(Provider {
                name: authorization.host_str().unwrap_or(issuer).to_owned(),
                client_id: client_id.clone(),
                scope: settings.oidc_scope.clone(),
                authorization_endpoint: authorization.into(),
                token_origin: token.origin().ascii_serialization(),
                token_endpoint: token.into(),
            }),
            Err(error) => {
                tracing::warn!(issuer, error, "the identity provider does not describe itself: the console offers API keys only");
                None
            }
        };
        *known = Some((Instant::now(), provider.clone()));
        provider
    }
}

/// The endpoints that an issuer has for authorization and for tokens.
async fn describe(issuer: &str) -> Result<[Url; 2], String> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let body = fetch(&url, LIMIT, PATIENCE).await?;
    let description: Description = serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))?;
    endpoints(issuer, &description)
}

/// A description counts when it is the issuer's own and what it names can't be read on the way.
fn endpoints(issuer: &str, description: &Description) -> Result<[Url; 2], String> {
    if description.issuer != issuer {
        return Err(format!("it describes another issuer: {}", description.issuer));
    }
    let endpoint = |text: &str| match Url::parse(text) {
        Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(&url)) => Ok(url),
        _ => Err(format!("{text} is no https URL")),
    };
    Ok([endpoint(&description.authorization_endpoint)?, endpoint(&description.token_endpoint)?])
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(issuer: &str, authorize: &str, token: &str) -> Result<[Url; 2], String> {
        let [issuer, authorization_endpoint, token_endpoint] = [issuer, authorize, token].map(str::to_owned);
        endpoints("https://id.example", &Description { issuer, authorization_endpoint, token_endpoint })
    }

    #[test]
    fn only_the_issuers_own_description_counts() {
        assert!(described("https://id.example", "https://id.example/authorize", "https://tokens.example/token").is_ok());
        assert!(described("https://evil.example", "https://id.example/authorize", "https://id.example/token").is_err());
    }

    #[test]
    fn nothing_travels_in_the_open() {
        assert!(described("https://id.example", "http://id.example/authorize", "https://id.example/token").is_err());
        assert!(described("https://id.example", "https://id.example/authorize", "javascript:alert(1)").is_err());
        assert!(described("https://id.example", "http://127.0.0.1:9/authorize", "http://localhost:9/token").is_ok());
    }
}
