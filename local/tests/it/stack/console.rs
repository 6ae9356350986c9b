//! The web console over HTTP: what a browser gets, and that nothing of the API is mistaken for it.

use super::server::Stack;
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn places_in_the_console_get_the_page_and_the_api_does_not() {
    let stack = Stack::start().await;
    let http = stack.api.http();
    let root = http.get(stack.url()).send().await.unwrap();
    let page = root.status();
    // Without Node the console is not built, and says so; with it, it is the same page everywhere.
    assert!(page == StatusCode::OK || page == StatusCode::SERVICE_UNAVAILABLE, "{page}");
    assert_eq!(root.headers()["content-type"], "text/html; charset=utf-8");
    for place in ["/w/ws_00000000000000000000000000/runs", "/sign-in?to=%2F", "/apidocs"] {
        let answer = http.get(format!("{}{place}", stack.url())).send().await.unwrap();
        assert_eq!(answer.status(), page, "{place}");
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8", "{place}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{place}");
    }
    for nothing in ["/api", "/api/", "/api/v1", "/api/v1/console", "/api/v2/runs", "/assets/none.js", "/w/favicon.ico"] {
        let answer = http.get(format!("{}{nothing}", stack.url())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{nothing}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{nothing}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = http.request(method.clone(), stack.url()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{method}");
    }
}

#[tokio::test]
async fn the_page_lets_its_own_files_run_and_nothing_else() {
    let stack = Stack::start().await;
    let http = stack.api.http();
    let page = http.get(format!("{}/w/x", stack.url())).send().await.unwrap();
    if page.status() == StatusCode::SERVICE_UNAVAILABLE {
        return;
    }
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains(&format!("connect-src 'self' {};", stack.url())), "storage is reachable: {policy}");
    assert_eq!(page.headers()["cache-control"], "no-store");
    let html = page.text().await.unwrap();
    assert!(html.contains("<base href=\"/\""), "{html}");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    assert!(html.contains(nonce) && !html.contains("__NONCE__"), "{html}");

    let script = html.split("src=\"./").find(|part| part.starts_with("assets/")).and_then(|part| part.split('"').next()).unwrap();
    let url = format!("{}/{script}", stack.url());
    let file = http.get(&url).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(file.status(), StatusCode::OK);
    assert_eq!(file.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(file.headers()["content-type"], "text/javascript; charset=utf-8");
    assert!(!file.headers().contains_key("content-encoding"), "what is packed does not survive every gateway");
    let etag = file.headers()["etag"].clone();
    let again = http.get(&url).header("if-none-match", etag).send().await.unwrap();
    assert_eq!((again.status(), again.bytes().await.unwrap().len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn a_sign_in_link_works_once() {
    let stack = Stack::start().await;
    let http = stack.api.http();
    let take = async |code: String| {
        let answer = http.post(format!("{}/ade-sign-in", stack.url())).body(code).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let link = stack.sign_in_url().await;
    let code = link.rsplit_once("/#sign-in=").unwrap().1.to_owned();
    assert_eq!(take("0".repeat(code.len())).await.0, StatusCode::NOT_FOUND);
    assert_eq!(take("x".repeat(1 << 20)).await.0, StatusCode::NOT_FOUND);
    let read = http.get(format!("{}/ade-sign-in", stack.url())).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::NOT_FOUND, "a link that is followed by a prefetcher stays good");
    let (status, body) = take(code.clone()).await;
    assert_eq!((status, body.contains(stack.key())), (StatusCode::OK, true));
    assert_eq!(take(code).await.0, StatusCode::NOT_FOUND);
}
