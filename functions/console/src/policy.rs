//! What the page may do ([Content Security Policy](https://www.w3.org/TR/CSP3/)): run its own scripts, and talk to the API and
//! to the storage that uploads and downloads go to, and to the identity provider if there is one. Nothing else, whatever a document or a log line holds.

use std::time::Duration;

use ade_functions::edge::{App, Problem};
use url::Url;

/// The policy of a page that reaches its own origin and `others`. Style elements that scripts make, as the editor does, carry the nonce of the answer.
pub(crate) fn content_security(nonce: &str, others: &[String]) -> String {
    let others: String = others.iter().flat_map(|origin| [" ", origin]).collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'{others}; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The origin of presigned URLs, as a presigned URL tells it: it depends on the region, the bucket's name and two settings.
pub(crate) async fn storage_origin(app: &App) -> Result<Option<String>, Problem> {
    let example = app.ade.objects.presign_download("console", "console", Duration::from_secs(1)).await?;
    Ok(origin(&example.url))
}

fn origin(url: &str) -> Option<String> {
    let origin = Url::parse(url).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_reaches_its_own_origin_and_storage_only() {
        let policy = content_security("n1", &["https://bucket.s3.eu-north-1.amazonaws.com".to_owned()]);
        assert!(policy.contains("connect-src 'self' https://bucket.s3.eu-north-1.amazonaws.com;"), "{policy}");
        assert!(policy.contains("style-src 'self' 'nonce-n1';") && policy.contains("script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(content_security("n", &[]).contains("connect-src 'self'; "));
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin("https://b.s3.amazonaws.com/key?X-Amz-Signature=1").as_deref(), Some("https://b.s3.amazonaws.com"));
        assert_eq!(origin("http://127.0.0.1:8000/ade-data/x").as_deref(), Some("http://127.0.0.1:8000"));
        assert_eq!(origin("data:text/plain,x"), None);
    }
}
