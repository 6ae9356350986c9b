//! Small documents that other servers publish.

use std::time::Duration;

/// Asks for a document of at most `limit` bytes, which must have arrived within `patience`. The error says what went wrong and why.
pub async fn fetch(url: &str, limit: usize, patience: Duration) -> Result<Vec<u8>, String> {
    let fetched = async {
        // Asked rarely: no connection is kept for it.
        let http = reqwest::Client::builder().build().map_err(chain)?;
        let mut answer = http.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(chain)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(chain)? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err("too long".to_owned());
            }
        }
        Ok(body)
    };
    tokio::time::timeout(patience, fetched).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn chain(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
