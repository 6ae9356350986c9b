//! Small documents that other servers publish.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::error::display::DisplayErrorContext;

/// Asks for a document of at most `limit` bytes, which must have arrived within `patience`. The error says what went wrong and why.
/// Redirections are not followed.
pub async fn fetch(url: &str, limit: usize, patience: Duration) -> Result<Vec<u8>, String> {
    let fetched = async {
        // The client of the AWS SDK, because every function has that one already; another would come with an HTTP/2 and a TLS of its own.
        // Asked rarely: no connection is kept.
        let client = Connector::builder().proxy_config(ProxyConfig::from_env()).tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
        let request = HttpRequest::get(url).map_err(|error| DisplayErrorContext(&error).to_string())?;
        let answer = client.call(request).await.map_err(|error| DisplayErrorContext(&error).to_string())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the answer has the status {status}"));
        }
        let mut chunks = ByteStream::new(answer.into_body());
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk.map_err(|error| DisplayErrorContext(&error).to_string())?);
            if body.len() > limit {
                return Err("too long".to_owned());
            }
        }
        Ok(body)
    };
    tokio::time::timeout(patience, fetched).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A server that answers one request with these bytes, then with more of the last one until nobody reads them.
    async fn server(answer: &'static [u8], and_on: bool) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let read = connection.read(&mut [0; 4096]).await.unwrap();
            assert!(read > 0);
            connection.write_all(answer).await.unwrap();
            let more = [answer[answer.len() - 1]; 4096];
            while and_on && connection.write_all(&more).await.is_ok() {}
        });
        url
    }

    #[tokio::test]
    async fn a_document_is_fetched_whole() {
        let url = server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false).await;
        assert_eq!(fetch(&url, 5, PATIENCE).await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn other_answers_are_errors_that_say_what_came() {
        let url = server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false).await;
        assert_eq!(fetch(&url, 5, PATIENCE).await.unwrap_err(), "the answer has the status 404");
        let url = server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", false).await;
        assert_eq!(fetch(&url, 5, PATIENCE).await.unwrap_err(), "the answer has the status 302");
        let url = server(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx", true).await;
        assert_eq!(fetch(&url, 100_000, PATIENCE).await.unwrap_err(), "too long");
        let cut_off = server(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello", false).await;
        fetch(&cut_off, 1000, PATIENCE).await.unwrap_err();
        let refused = fetch("http://127.0.0.1:9/", 5, PATIENCE).await.unwrap_err();
        assert!(refused.contains("refused"), "{refused}");
        fetch("no address", 5, PATIENCE).await.unwrap_err();
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        assert_eq!(fetch(&url, 5, Duration::from_millis(50)).await.unwrap_err(), "no answer in time");
    }
}
