use aws_sdk_lambda::{
    error::ProvideErrorMetadata,
    primitives::Blob,
    types::{InvocationType, InvokeWithResponseStreamResponseEvent as StreamEvent},
};
use serde_json::{Value, json};

use super::{Stack, eventually, lines};

fn blob(value: &Value) -> Blob {
    Blob::new(value.to_string())
}

fn document(blob: Option<&Blob>) -> Value {
    serde_json::from_slice(blob.unwrap().as_ref()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_invoked_by_name_and_by_arn() {
    let stack = Stack::start().await;
    let lambda = stack.lambda();
    let references = [
        "test-event",
        "test-event:$LATEST",
        "000000000000:function:test-event",
        "arn:aws:lambda:us-east-1:000000000000:function:test-event",
    ];
    for reference in references {
        let invoke = lambda.invoke().function_name(reference).payload(blob(&json!({"n": 1})));
        let output = invoke.send().await.unwrap();
        assert_eq!((output.status_code(), output.function_error()), (200, None));
        let answer = document(output.payload());
        assert_eq!(answer["payload"], json!({"n": 1}));
        assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:000000000000:function:test-event");
        assert!(answer["trace_id"].as_str().unwrap().starts_with("Root=1-"));
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        let deadline = answer["deadline"].as_u64().unwrap();
        assert!(deadline > now && deadline <= now + 60_000);
    }
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_with_tenant_isolation_has_to_be_told_the_tenant_and_no_other_may_be() {
    for isolated in [true, false] {
        let stack = Stack::start_with(|spec| spec.tenant_isolation = isolated).await;
        let lambda = stack.lambda();
        for kind in [InvocationType::RequestResponse, InvocationType::Event, InvocationType::DryRun] {
            let invoke = |tenant: Option<&str>| {
                lambda.invoke().function_name("test-event").invocation_type(kind.clone()).set_tenant_id(tenant.map(str::to_owned)).send()
            };
            let (fitting, other) = if isolated { (Some("ws_1"), None) } else { (None, Some("ws_1")) };
            let answer = invoke(fitting).await.unwrap();
            if kind == InvocationType::RequestResponse {
                assert_eq!(document(answer.payload())["tenant_id"], json!(fitting));
            }
            let refused = invoke(other).await.unwrap_err().into_service_error();
            assert!(refused.is_invalid_parameter_value_exception(), "{kind}, isolated {isolated}: {refused:?}");
        }
        stack.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_cannot_be_carried_out_are_refused_as_by_aws() {
    let stack = Stack::start().await;
    let lambda = stack.lambda();
    for name in ["no-such-function", "test-event:live"] {
        let error = lambda.invoke().function_name(name).send().await.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
    }
    let error = lambda.invoke().function_name("a:b:c").send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_parameter_value_exception(), "{error:?}");
    let error = lambda.invoke().function_name("test-event").payload(Blob::new("{")).send().await.unwrap_err();
    assert!(error.into_service_error().is_invalid_request_content_exception());
    let long = json!("x".repeat(1024 * 1024));
    let event = lambda.invoke().function_name("test-event").invocation_type(InvocationType::Event);
    let error = event.payload(blob(&long)).send().await.unwrap_err().into_service_error();
    assert!(error.is_request_too_large_exception(), "{error:?}");
    let dry_run = lambda.invoke().function_name("test-event").invocation_type(InvocationType::DryRun).send().await.unwrap();
    assert_eq!(dry_run.status_code(), 204);

    let url = format!("{}/2015-03-31/functions/test-event/invocations", stack.host.invoke_url());
    let unsigned = reqwest::Client::new().post(url).body("{}").send().await.unwrap();
    assert_eq!(unsigned.status(), 403);
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_functions_are_told_apart_from_failures_of_calls() {
    let stack = Stack::start_with(|spec| spec.timeout = std::time::Duration::from_secs(1)).await;
    let lambda = stack.lambda();
    let cases = [
        ("test-event", "exit", "Runtime.ExitError"),
        ("test-event", "hang", "Sandbox.Timedout"),
        ("test-exit-at-start", "", "Runtime.ExitError"),
        ("test-missing", "", "Runtime.InvalidEntrypoint"),
    ];
    for (function, action, error_type) in cases {
        let payload = blob(&json!({"act": action}));
        let output = lambda.invoke().function_name(function).payload(payload.clone()).send().await.unwrap();
        assert_eq!(output.function_error(), Some("Unhandled"), "{function} {action}");
        assert_eq!(document(output.payload())["errorType"], error_type);

        let (bytes, failure) = streamed(&lambda, function, payload, || {}).await;
        assert!(bytes.is_empty());
        assert!(failure.unwrap().contains(error_type));
    }
    let panicked = lambda.invoke().function_name("test-event").payload(blob(&json!({"act": "panic"}))).send().await.unwrap();
    assert_eq!(panicked.function_error(), Some("Unhandled"));
    assert!(document(panicked.payload())["errorMessage"].as_str().unwrap().contains("asked to panic"));
    stack.host.shutdown().await;
}

/// The bytes of a streamed invocation, and the failure in its `InvokeComplete`.
/// Calls `on_first` when the line `first` has arrived.
async fn streamed(lambda: &aws_sdk_lambda::Client, function: &str, payload: Blob, on_first: impl Fn()) -> (Vec<u8>, Option<String>) {
    let invoke = lambda.invoke_with_response_stream().function_name(function).payload(payload);
    let mut output = invoke.send().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        match output.event_stream.recv().await.unwrap().expect("a stream ends with InvokeComplete") {
            StreamEvent::PayloadChunk(chunk) => {
                bytes.extend_from_slice(chunk.payload.unwrap().as_ref());
                if bytes.ends_with(b"first\n") {
                    on_first();
                }
            }
            StreamEvent::InvokeComplete(complete) => {
                assert!(output.event_stream.recv().await.unwrap().is_none());
                return (bytes, complete.error_code.map(|_| complete.error_details.unwrap_or_default()));
            }
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn stream_request(query: &Value) -> Blob {
    blob(&json!({
        "httpMethod": "GET", "path": "/", "resource": "/", "queryStringParameters": query,
        "requestContext": {"httpMethod": "GET"}
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_stream_is_relayed_while_the_function_still_writes() {
    let stack = Stack::start().await;
    let payload = stream_request(&json!({"file": stack.file("gate")}));
    let lambda = stack.lambda();
    let invoke = lambda.invoke_with_response_stream().function_name("test-http-stream").payload(payload);
    let mut events = invoke.send().await.unwrap().event_stream;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"first\n") {
        match events.recv().await.unwrap().unwrap() {
            StreamEvent::PayloadChunk(chunk) => bytes.extend_from_slice(chunk.payload.unwrap().as_ref()),
            other => panic!("unexpected {other:?}"),
        }
    }
    let prelude = bytes.split(|&byte| byte == 0).next().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(prelude).unwrap()["statusCode"], 202);
    stack.make_file("gate");
    match events.recv().await.unwrap().unwrap() {
        StreamEvent::PayloadChunk(chunk) => assert_eq!(chunk.payload.unwrap().as_ref(), b"last\n"),
        other => panic!("unexpected {other:?}"),
    }
    assert!(matches!(events.recv().await.unwrap().unwrap(), StreamEvent::InvokeComplete(it) if it.error_code.is_none()));
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_stream_that_is_cut_ends_with_the_failure() {
    let stack = Stack::start().await;
    let payload = stream_request(&json!({"act": "exit", "file": stack.file("gate")}));
    let open_gate = || stack.make_file("gate");
    let (bytes, failure) = streamed(&stack.lambda(), "test-http-stream", payload, open_gate).await;
    assert!(bytes.ends_with(b"first\n"));
    assert!(failure.unwrap().contains("exit status 3"));
    let (bytes, failure) = streamed(&stack.lambda(), "test-trailers", blob(&json!({})), || {}).await;
    assert_eq!(bytes, b"half");
    assert!(failure.unwrap().contains("Fixture.Gone"));
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_accepted_at_once_and_run_once() {
    let stack = Stack::start().await;
    let journal = stack.file("journal");
    let payload = json!({"file": stack.file("gate"), "journal": journal});
    let event = stack.lambda().invoke().function_name("test-event").invocation_type(InvocationType::Event);
    let output = event.payload(blob(&payload)).send().await.unwrap();
    assert_eq!(output.status_code(), 202);
    stack.make_file("gate");
    eventually("the event is handled", || (lines(&journal).len() == 2).then_some(())).await;
    stack.host.shutdown().await;
    assert_eq!(lines(&journal).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_full_refuses() {
    let stack = Stack::start_with(|spec| spec.max_concurrency = std::num::NonZeroUsize::MIN).await;
    let lambda = stack.lambda();
    let event = |payload: &Value| {
        let event = lambda.invoke().function_name("test-event").invocation_type(InvocationType::Event);
        event.payload(blob(payload)).send()
    };
    // One runs and waits; the others fill the queue's bytes.
    event(&json!({"file": stack.file("gate")})).await.unwrap();
    let large = json!({"text": "x".repeat(1_000_000)});
    let mut accepted = 0;
    let error = loop {
        match event(&large).await {
            Ok(_) => accepted += 1,
            Err(error) => break error.into_service_error(),
        }
        assert!(accepted < 1000, "the queue has no bound");
    };
    assert_eq!(error.code(), Some("TooManyRequestsException"));
    // The gateway calls the same function, through the same queue.
    let request = reqwest::Client::new().get(stack.url("/api/v1/not-an-answer")).body("x".repeat(1_000_000));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "overloaded");
    stack.host.shutdown().await;
}
