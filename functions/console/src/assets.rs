//! The files inside the binary.
//!
//! They are served as they are. What is packed is no text any more, and an API Gateway whose answers are not streamed hands on in
//! base64 what is not text; packing is what gateways and CDNs can do themselves.

use ade_functions::edge::{Answer, Problem};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// Every file there is, in alphabetical order; none when the console was not built.
const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file as it is served.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its path below the console's own.
    pub(crate) path: &'static str,
    /// What its content is, in 32 hexadecimal digits.
    pub(crate) digest: &'static str,
    /// Its bytes.
    pub(crate) content: &'static [u8],
}

impl Asset {
    pub(crate) fn find(path: &str) -> Option<&'static Self> {
        ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().map(|found| &ASSETS[found])
    }

    /// The file, or 304 for a browser that has it.
    pub(crate) fn answer(&self, known: Option<&str>) -> Answer {
        let etag = format!("\"{}\"", self.digest);
        let fresh = known.is_some_and(|known| known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
        let body = if fresh { &[] } else { self.content };
        let mut response = Response::new(Bytes::from_static(body));
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type()));
        headers.insert(header::ETAG, HeaderValue::try_from(etag).map_err(Problem::internal)?);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.caching()));
        Ok(response)
    }

    /// Hashed names never change their content.
    fn caching(&self) -> &'static str {
        if self.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
    }

    fn media_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" => "application/json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "woff2" => "font/woff2",
            "txt" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SCRIPT: Asset = Asset { path: "assets/index-4f2a.js", digest: "d1", content: b"let a" };

    fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn a_hashed_file_is_kept_for_good_and_is_text_on_its_way() {
        let answer = SCRIPT.answer(None).unwrap();
        assert_eq!(answer.body().as_ref(), b"let a");
        assert_eq!(header(&answer, "content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(header(&answer, "cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(header(&answer, "content-encoding"), None);
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        for known in ["\"d1\"", "W/\"d1\"", "\"other\", \"d1\""] {
            let answer = SCRIPT.answer(Some(known)).unwrap();
            assert_eq!((answer.status(), answer.body().len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        }
        assert_eq!(SCRIPT.answer(Some("\"d2\"")).unwrap().status(), StatusCode::OK);
    }

    #[test]
    fn names_without_a_hash_are_asked_for_every_time() {
        let icon = Asset { path: "icon.svg", digest: "d", content: b"<svg/>" };
        let answer = icon.answer(None).unwrap();
        assert_eq!(header(&answer, "cache-control"), Some("no-cache"));
        assert_eq!(header(&answer, "content-type"), Some("image/svg+xml"));
    }

    #[test]
    fn files_are_in_order_so_that_they_are_found() {
        assert!(ASSETS.is_sorted_by_key(|asset| asset.path));
        assert!(ASSETS.iter().all(|asset| Asset::find(asset.path).is_some()));
        assert!(Asset::find("../Cargo.toml").is_none());
    }
}
