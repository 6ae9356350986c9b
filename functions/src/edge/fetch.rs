//! Small documents that other servers publish.

use std::error::Error;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;

/// Asks for a document of at most `limit` bytes, which must have arrived within `patience`. The error says what went wrong and why.
/// Redirections are not followed.
pub async fn fetch(url: &str, limit: usize, patience: Duration) -> Result<Vec<u8>, String> {
    let fetched = async {
        // The client of the AWS SDK, because every function has that one already; another is a megabyte. Asked rarely: no connection is kept.
        let client = Connector::builder().proxy_config(ProxyConfig::from_env()).tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
        let request = HttpRequest::get(url).map_err(|error| chain(&error))?;
        let answer = client.call(request).await.map_err(|error| chain(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the answer has the status {status}"));
        }
        let mut chunks = ByteStream::new(answer.into_body());
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk.map_err(|error| chain(&error))?);
            if body.len() > limit {
                return Err("too long".to_owned());
            }
        }
        Ok(body)
    };
    tokio::time::timeout(patience, fetched).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
