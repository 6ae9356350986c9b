//! The API Gateway definition: every route with its integration.
//!
//! Facts: [integration extension](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html),
//! [response streaming](https://docs.aws.amazon.com/apigateway/latest/developerguide/response-streaming-lambda-configure.html),
//! [gateway responses](https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::operations::{CONSOLE, NOT_FOUND, Operation, operations};
use crate::{InfraError, logical_name};

/// What a streamed answer may take. API Gateway's limit.
const STREAM_MILLIS: u32 = 900_000;
/// What other answers may take. API Gateway's limit without a quota increase.
const BUFFERED_MILLIS: u32 = 29_000;

/// What a page of another origin may send, as the local gateway answers it.
const ALLOWED_HEADERS: &str = "authorization, content-type, x-api-key, idempotency-key, if-match, if-none-match, last-event-id";
/// The header by which browsers stay with HTTPS.
const HSTS: &str = "max-age=31536000";

/// The API Gateway definition.
pub fn api() -> Result<Value, InfraError> {
    let mut paths = BTreeMap::<String, Map<String, Value>>::new();
    for operation in operations()? {
        let item = paths.entry(operation.path.clone()).or_default();
        item.insert(operation.method.clone(), method(&operation));
    }
    for item in paths.values_mut() {
        let methods = item.keys().map(|method| method.to_uppercase()).collect::<Vec<_>>().join(", ");
        item.insert("options".to_owned(), preflight(&methods));
    }
    let rest = json!({ "x-amazon-apigateway-any-method": { "x-amazon-apigateway-integration": integration(NOT_FOUND, false) } });
    let mut paths = json!(paths);
    paths["/api"] = rest.clone();
    paths["/api/{proxy+}"] = rest;
    let console = json!({ "get": { "x-amazon-apigateway-integration": integration(CONSOLE, false) } });
    paths["/"] = console.clone();
    paths["/{proxy+}"] = console;
    Ok(json!({
        "openapi": "3.0.1",
        "info": { "title": "ADE", "version": "1" },
        "paths": paths,
        // Bodies are handed over as they are, whatever they are.
        "x-amazon-apigateway-binary-media-types": ["*/*"],
        "x-amazon-apigateway-gateway-responses": gateway_responses(),
    }))
}

fn method(operation: &Operation) -> Value {
    json!({
        "operationId": operation.id,
        "x-amazon-apigateway-integration": integration(&operation.id, operation.streaming),
    })
}

/// Hands a request to a function. One role may invoke them all, which spares a permission on each.
fn integration(function: &str, streaming: bool) -> Value {
    let uri = |version: &str, action: &str| {
        let function = format!("${{{}Function.Arn}}", logical_name(function));
        json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/{version}/functions/{function}/{action}") })
    };
    let mut integration = json!({
        "type": "aws_proxy",
        "httpMethod": "POST",
        "credentials": { "Fn::GetAtt": ["ApiInvokeRole", "Arn"] },
        "uri": uri("2015-03-31", "invocations"),
        "timeoutInMillis": BUFFERED_MILLIS,
    });
    if streaming {
        let when = |streamed: Value, buffered: Value| json!({ "Fn::If": ["StreamResponses", streamed, buffered] });
        integration["uri"] = when(uri("2021-11-15", "response-streaming-invocations"), integration["uri"].take());
        integration["timeoutInMillis"] = when(STREAM_MILLIS.into(), BUFFERED_MILLIS.into());
        integration["responseTransferMode"] = when("STREAM".into(), "BUFFERED".into());
    }
    integration
}

/// The origin whose pages may read an answer; no header where there is none.
fn allowed_origin() -> Value {
    json!({ "Fn::If": ["AllowOrigin", { "Fn::Sub": "'${CorsOrigin}'" }, { "Ref": "AWS::NoValue" }] })
}

/// Answers a browser's question whether a page may call these methods.
fn preflight(methods: &str) -> Value {
    let headers = BTreeMap::from([
        ("Access-Control-Allow-Headers", json!(format!("'{ALLOWED_HEADERS}'"))),
        ("Access-Control-Allow-Methods", json!(format!("'{methods}'"))),
        ("Access-Control-Allow-Origin", allowed_origin()),
        ("Access-Control-Max-Age", json!("'600'")),
        ("Strict-Transport-Security", json!(format!("'{HSTS}'"))),
        ("Vary", json!("'Origin'")),
    ]);
    let declared: BTreeMap<_, _> = headers.keys().map(|name| (name, json!({ "schema": { "type": "string" } }))).collect();
    let parameters: BTreeMap<_, _> = headers.iter().map(|(name, value)| (format!("method.response.header.{name}"), value)).collect();
    json!({
        "responses": { "204": { "description": "What a page of another origin may do.", "headers": declared } },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            // Without it a mock does not understand requests once all media types are binary.
            "contentHandling": "CONVERT_TO_TEXT",
            "requestTemplates": { "application/json": "{\"statusCode\": 204}" },
            "responses": { "default": { "statusCode": "204", "responseParameters": parameters } },
        },
    })
}

/// What API Gateway itself refuses, in the words of the local gateway.
fn gateway_responses() -> Value {
    const NOWHERE: &str = "There is nothing at this path for this method.";
    const LATER: &str = "The service is busy. Try again in a moment.";
    const FAILED: &str = "The service failed to answer this request.";
    const LATE: &str = "The service did not answer in time.";
    let responses = [
        ("ACCESS_DENIED", 403, "Forbidden", "forbidden", "This request is not allowed.", None),
        ("BAD_REQUEST_BODY", 400, "Bad Request", "bad_request", "The request can't be read.", None),
        ("DEFAULT_4XX", 400, "Bad Request", "bad_request", "The request can't be read.", None),
        ("DEFAULT_5XX", 502, "Bad Gateway", "function_failed", FAILED, None),
        ("INTEGRATION_FAILURE", 502, "Bad Gateway", "function_failed", FAILED, None),
        ("INTEGRATION_TIMEOUT", 504, "Gateway Timeout", "function_timeout", LATE, Some(5)),
        ("MISSING_AUTHENTICATION_TOKEN", 404, "Not Found", "not_found", NOWHERE, None),
        ("REQUEST_TOO_LARGE", 413, "Payload Too Large", "payload_too_large", "The request's body is too large.", None),
        ("RESOURCE_NOT_FOUND", 404, "Not Found", "not_found", NOWHERE, None),
        ("THROTTLED", 429, "Too Many Requests", "too_many_requests", LATER, Some(1)),
        ("WAF_FILTERED", 403, "Forbidden", "forbidden", "This request is not allowed.", None),
    ];
    let responses = responses.map(|(kind, status, title, code, detail, retry_after)| {
        let mut headers = json!({
            "gatewayresponse.header.Access-Control-Allow-Origin": allowed_origin(),
            "gatewayresponse.header.Cache-Control": "'no-store'",
            "gatewayresponse.header.Content-Type": "'application/problem+json'",
            "gatewayresponse.header.Strict-Transport-Security": format!("'{HSTS}'"),
            "gatewayresponse.header.X-Request-Id": "context.requestId",
        });
        if let Some(seconds) = retry_after {
            headers["gatewayresponse.header.Retry-After"] = format!("'{seconds}'").into();
        }
        // The path is the client's own text and can't be escaped here, so the problem's instance is the matched route.
        let problem = json!({
            "type": "about:blank", "title": title, "status": status, "detail": detail, "code": code,
            "instance": "$context.resourcePath", "request_id": "$context.requestId",
        });
        let response = json!({
            "statusCode": status.to_string(),
            "responseParameters": headers,
            "responseTemplates": { "application/json": problem.to_string() },
        });
        (kind, response)
    });
    json!(BTreeMap::from(responses))
}
