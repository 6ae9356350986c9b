//! What a web page of another origin may do.

use http::Method;

use super::server::Stack;

#[tokio::test]
async fn every_route_answers_a_preflight() {
    let stack = Stack::start_with(&[("ADE_CORS_ORIGINS", "https://app.example")]).await;
    let anybody = stack.api.with_key(None);
    let ask = async |path: &str, method: &Method, origin: &str| {
        let request = anybody.request(Method::OPTIONS, path).header("origin", origin);
        request.header("access-control-request-method", method.as_str()).send().await.unwrap()
    };
    let mut routes = 0;
    for operation in stack.api.contract().operations() {
        let path = operation.path.replace(['{', '}'], "x");
        let answer = ask(&path, &operation.method, "https://app.example").await;
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        assert_eq!((answer.status().as_u16(), header("access-control-allow-origin")), (204, "https://app.example".into()), "{path}");
        assert!(header("access-control-allow-methods").split(", ").any(|method| method == operation.method.as_str()), "{path}");
        for name in ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "last-event-id"] {
            assert!(header("access-control-allow-headers").split(", ").any(|allowed| allowed == name), "{name}");
        }
        let stranger = ask(&path, &operation.method, "https://evil.example").await;
        assert!(!stranger.headers().contains_key("access-control-allow-origin"));
        routes += 1;
    }
    assert!(routes > 40);

    let answer = stack.api.send(stack.api.request(Method::GET, "/meta").header("origin", "https://app.example")).await;
    let exposed = answer.header("access-control-expose-headers").unwrap().to_lowercase();
    for name in ["x-run-id", "location", "etag", "retry-after", "idempotent-replayed"] {
        assert!(exposed.split(", ").any(|header| header == name), "{name} in {exposed}");
    }
}
