use futures::StreamExt;
use http::StatusCode;
use reqwest::{Client, Response, redirect::Policy};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Stack;

fn client() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

async fn problem(response: Response) -> (u16, Value) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["status"], status);
    assert_eq!(document["request_id"], request_id);
    (status, document["code"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_its_function_and_the_answer_the_client() {
    let stack = Stack::start().await;
    let response = client().post(stack.url("/api/v1/echo")).body("hello").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-method"], "POST");
    assert_eq!(response.headers()["x-path"], "/api/v1/echo");
    assert_eq!(response.headers().get_all("x-many").iter().collect::<Vec<_>>(), ["one", "two"]);
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(response.text().await.unwrap(), "hello");
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_keep_every_byte_up_to_the_limit() {
    let stack = Stack::start().await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let large = vec![b'a'; 4_000_000];
    for (body, content_type) in [(every_byte, "application/octet-stream"), (large, "text/plain"), (Vec::new(), "text/plain")] {
        let request = client().put(stack.url("/api/v1/echo")).header("content-type", content_type).body(body.clone());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.bytes().await.unwrap(), body);
    }
    let too_large = client().put(stack.url("/api/v1/echo")).body(vec![b'a'; 6 * 1024 * 1024 + 1]).send().await.unwrap();
    assert_eq!(problem(too_large).await, (413, json!("payload_too_large")));
    let answer_too_large = client().get(stack.url("/api/v1/echo?size=7000000")).send().await.unwrap();
    assert_eq!(problem(answer_too_large).await, (502, json!("function_failed")));
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_outlives_what_is_refused_on_it() {
    let stack = Stack::start().await;
    let ours = stack.host.gateway_address().to_string();
    for (path, host, refused) in
        [("/api/v1/unknown", ours.as_str(), "404 Not Found"), ("/api/v1/echo", "evil.example", "421 Misdirected Request")]
    {
        let mut connection = TcpStream::connect(&ours).await.unwrap();
        let body = "a".repeat(1 << 20);
        let put = format!("PUT {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let get = format!("GET /api/v1/echo HTTP/1.1\r\nhost: {ours}\r\nconnection: close\r\n\r\n");
        connection.write_all((put + &get).as_bytes()).await.unwrap();
        let mut answers = String::new();
        connection.read_to_string(&mut answers).await.unwrap();
        let statuses: Vec<_> = answers.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.lines().next()).collect();
        assert_eq!(statuses, [refused, "200 OK"], "{path} of {host}");
    }
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_become_rest_proxy_events() {
    let stack = Stack::start().await;
    let url = stack.url("/api/v1/items/a%2Fb%20%C3%A9/files/x/y%2520z.csv?q=1&q=2+3&empty=&%C3%BC=%26");
    let request = client().get(url).header("x-one", "1").header("x-two", "a").header("x-two", "b");
    let response = request.header("x-forwarded-for", "6.6.6.6").send().await.unwrap();
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let event: Value = response.json().await.unwrap();

    assert_eq!(event["resource"], "/api/v1/items/{item_id}/files/{path+}");
    assert_eq!(event["path"], "/api/v1/items/a%2Fb%20%C3%A9/files/x/y%2520z.csv");
    assert_eq!(event["httpMethod"], "GET");
    assert_eq!(event["pathParameters"], json!({"item_id": "a/b é", "path": "x/y%20z.csv"}));
    assert_eq!(event["queryStringParameters"], json!({"q": "2 3", "empty": "", "ü": "&"}));
    assert_eq!(event["multiValueQueryStringParameters"], json!({"q": ["1", "2 3"], "empty": [""], "ü": ["&"]}));
    assert_eq!(event["headers"]["x-one"], "1");
    assert_eq!(event["headers"]["x-two"], "b");
    assert_eq!(event["multiValueHeaders"]["x-two"], json!(["a", "b"]));
    assert_eq!(event["headers"]["x-forwarded-for"], "127.0.0.1");
    assert_eq!(event["body"], Value::Null);
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["requestId"], request_id);
    assert_eq!(context["httpMethod"], "GET");
    assert_eq!(context["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["resourcePath"], event["resource"]);
    assert_eq!(context["path"], event["path"]);

    let response = client().post(stack.url("/api/v1/items/i")).body(vec![0xff, 0x00]).send().await.unwrap();
    let event: Value = response.json().await.unwrap();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
    assert_eq!(event["queryStringParameters"], Value::Null);
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_answer_arrives_while_the_function_still_writes() {
    let stack = Stack::start().await;
    let url = format!("{}?file={}", stack.url("/api/v1/stream"), stack.file("gate"));
    let response = client().get(url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    assert_eq!(response.headers().get_all("x-many").iter().collect::<Vec<_>>(), ["one", "two"]);
    let mut body = response.bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "first\n");
    stack.make_file("gate");
    assert_eq!(body.next().await.unwrap().unwrap(), "last\n");
    assert!(body.next().await.is_none());
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_stream_is_whole() {
    let stack = Stack::start().await;
    let body = client().get(stack.url("/api/v1/stream?pieces=20000")).send().await.unwrap().text().await.unwrap();
    assert_eq!(body, format!("first\n{}last\n", "0123456789abcdef".repeat(20_000)));
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_function_dies_is_cut_and_not_ended() {
    let stack = Stack::start().await;
    let url = format!("{}?act=exit&file={}", stack.url("/api/v1/stream"), stack.file("gate"));
    let mut body = client().get(url).send().await.unwrap().bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "first\n");
    stack.make_file("gate");
    assert!(body.next().await.unwrap().is_err());

    let healthy = client().get(stack.url("/api/v1/stream")).send().await.unwrap();
    assert_eq!(healthy.text().await.unwrap(), "first\nlast\n");
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_finishes_although_its_client_went_away() {
    let stack = Stack::start().await;
    let (gate, mark) = (stack.file("gate"), stack.file("mark"));
    let url = format!("{}?file={gate}&mark={mark}&pieces=50000", stack.url("/api/v1/stream"));
    let mut body = client().get(url).send().await.unwrap().bytes_stream();
    body.next().await.unwrap().unwrap();
    drop(body);
    stack.make_file("gate");
    super::eventually("the function finishes", || (!super::lines(&mark).is_empty()).then_some(())).await;
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_problems_and_the_next_request_works() {
    let stack = Stack::start_with(|spec| {
        // Time enough to start on a loaded machine: the clock runs from the moment the event is handed over.
        spec.timeout = std::time::Duration::from_secs(1);
    })
    .await;
    let cases = [
        ("/api/v1/echo?act=exit", 502, "function_failed"),
        ("/api/v1/echo?act=panic", 502, "function_failed"),
        ("/api/v1/echo?act=hang", 504, "function_timeout"),
        ("/api/v1/broken", 502, "function_failed"),
        ("/api/v1/missing", 502, "function_failed"),
        ("/api/v1/not-an-answer", 502, "function_failed"),
        ("/api/v1/trailers", 502, "function_failed"),
        ("/api/v1/unknown", 404, "not_found"),
        ("/", 404, "not_found"),
        ("/api/v1/items/%ff", 400, "bad_request"),
    ];
    for (path, status, code) in cases {
        let response = client().get(stack.url(path)).send().await.unwrap();
        assert_eq!(problem(response).await, (status, json!(code)), "{path}");
    }
    let wrong_method = client().delete(stack.url("/api/v1/echo")).send().await.unwrap();
    assert_eq!(problem(wrong_method).await, (404, json!("not_found")));
    let odd_header = client().get(stack.url("/api/v1/echo")).header("x-odd", b"\xff".as_slice()).send().await.unwrap();
    assert_eq!(problem(odd_header).await, (400, json!("bad_request")));
    let healthy = client().get(stack.url("/api/v1/echo")).send().await.unwrap();
    assert_eq!(healthy.status(), StatusCode::OK);
    assert!(stack.log("test-http").contains("exit status 3"));
    assert!(stack.log("test-http").contains("timed out"));
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_host_names_are_redirected_or_refused() {
    let stack = Stack::start().await;
    let port = stack.host.gateway_address().port();
    let send = |method: reqwest::Method, host: String| client().request(method, stack.url("/api/v1/echo?q=1")).header("host", host).send();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        assert_eq!(send(reqwest::Method::POST, host).await.unwrap().status(), StatusCode::OK);
    }
    for host in [format!("evil.example:{port}"), "127.0.0.1:1".to_owned(), "localhost".to_owned()] {
        let redirected = send(reqwest::Method::GET, host.clone()).await.unwrap();
        assert_eq!(redirected.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(redirected.headers()["location"], stack.url("/api/v1/echo?q=1"));
        let refused = send(reqwest::Method::POST, host).await.unwrap();
        assert_eq!(problem(refused).await, (421, json!("misdirected_request")));
    }
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preflights_are_answered_for_permitted_origins_only() {
    let stack = Stack::start().await;
    let preflight = |origin: &'static str| {
        let request = client().request(reqwest::Method::OPTIONS, stack.url("/api/v1/echo"));
        request.header("origin", origin).header("access-control-request-method", "PUT").send()
    };
    let permitted = preflight("https://console.example").await.unwrap();
    assert_eq!(permitted.status(), StatusCode::NO_CONTENT);
    assert_eq!(permitted.headers()["access-control-allow-origin"], "https://console.example");
    assert_eq!(permitted.headers()["access-control-allow-methods"], "GET, POST, PUT");
    assert!(permitted.headers().contains_key("access-control-allow-headers"));
    let other = preflight("https://evil.example").await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));

    let request = client().get(stack.url("/api/v1/unknown")).header("origin", "https://console.example");
    let not_found = request.send().await.unwrap();
    assert_eq!(not_found.headers()["access-control-allow-origin"], "https://console.example");
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mounts_get_their_segment_and_never_two_signatures() {
    let stack = Stack::start().await;
    let text = |path: &str| {
        let request = client().get(stack.url(path)).send();
        async { request.await.unwrap().text().await.unwrap() }
    };
    assert_eq!(text("/ade-data/key?X-Amz-Signature=s").await, "mounted /ade-data/key?X-Amz-Signature=s");
    assert_eq!(text("/ade-data").await, "mounted /ade-data");
    let sibling = client().get(stack.url("/ade-database")).send().await.unwrap();
    assert_eq!(problem(sibling).await, (404, json!("not_found")));
    let url = stack.url("/ade-data/key?X-Amz-Signature=s");
    let twice = client().get(url).header("authorization", "Bearer key").send().await.unwrap();
    assert_eq!(twice.status(), StatusCode::BAD_REQUEST);
    assert!(twice.text().await.unwrap().contains("<Code>InvalidArgument</Code>"));
    stack.host.shutdown().await;
}
