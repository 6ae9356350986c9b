//! HTTP request → API Gateway REST (v1) proxy event.
//!
//! The shape is that of "Input format of a Lambda function for proxy integration" in the API Gateway developer guide.
//! `path` is as it was sent; parameters are decoded. Single-valued maps hold the last of several values, as there.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use base64::prelude::*;
use http::{HeaderMap, request};
use serde::Serialize;

use super::{problem::Problem, routes::Matched};
use crate::host::RequestId;

/// With this stage `lambda_http` leaves paths as they are: there is no stage prefix in our URLs.
const STAGE: &str = "$default";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent<'a> {
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    headers: BTreeMap<&'a str, &'a str>,
    multi_value_headers: BTreeMap<&'a str, Vec<&'a str>>,
    query_string_parameters: Option<BTreeMap<&'a str, &'a str>>,
    multi_value_query_string_parameters: Option<BTreeMap<&'a str, Vec<&'a str>>>,
    path_parameters: Option<&'a BTreeMap<String, String>>,
    stage_variables: Option<()>,
    request_context: RequestContext<'a>,
    body: Option<&'a str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    domain_name: &'a str,
    http_method: &'a str,
    identity: Identity<'a>,
    path: &'a str,
    protocol: &'a str,
    request_id: &'a str,
    request_time_epoch: u64,
    resource_path: &'a str,
    stage: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    source_ip: IpAddr,
    user_agent: Option<&'a str>,
}

/// The event of a request, as JSON.
pub(super) fn proxy_event(
    head: &request::Parts,
    body: &[u8],
    route: &Matched<'_>,
    peer: SocketAddr,
    request_id: RequestId,
) -> Result<Vec<u8>, Problem> {
    let path = head.uri.path();
    let http_method = head.method.as_str();
    let request_id_text = request_id.to_string();
    let trace = request_id.trace_header();
    let source_ip = peer.ip().to_string();

    let mut multi_value_headers = header_map(&head.headers)?;
    // Set by the proxy, whatever the client sent.
    for (name, value) in [("x-amzn-trace-id", trace.as_str()), ("x-forwarded-for", &source_ip), ("x-forwarded-proto", "http")] {
        multi_value_headers.insert(name, vec![value]);
    }
    let headers = last_values(&multi_value_headers);

    let query: Vec<_> = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).collect();
    let mut multi_value_query: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in &query {
        multi_value_query.entry(name).or_default().push(value);
    }

    let (body, is_base64_encoded) = match std::str::from_utf8(body) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (Cow::Owned(BASE64_STANDARD.encode(body)), true),
    };
    let event = ProxyEvent {
        resource: route.template,
        path,
        http_method,
        query_string_parameters: (!query.is_empty()).then(|| last_values(&multi_value_query)),
        multi_value_query_string_parameters: (!query.is_empty()).then_some(multi_value_query),
        path_parameters: (!route.parameters.is_empty()).then_some(&route.parameters),
        stage_variables: None,
        request_context: RequestContext {
            account_id: "000000000000",
            api_id: "local",
            domain_name: headers.get("host").copied().unwrap_or("localhost"),
            http_method,
            identity: Identity { source_ip: peer.ip(), user_agent: headers.get("user-agent").copied() },
            path,
            protocol: "HTTP/1.1",
            request_id: &request_id_text,
            request_time_epoch: std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64),
            resource_path: route.template,
            stage: STAGE,
        },
        headers,
        multi_value_headers,
        body: (!body.is_empty()).then_some(&*body),
        is_base64_encoded,
    };
    serde_json::to_vec(&event).map_err(|error| {
        tracing::error!(%request_id, %error, "cannot write a proxy event");
        Problem::bad_request("The request cannot be written as an event.")
    })
}

/// All headers with all their values. Events are JSON, so bytes that are not visible ASCII have no place in them.
fn header_map(headers: &HeaderMap) -> Result<BTreeMap<&str, Vec<&str>>, Problem> {
    let mut map: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else {
            return Err(Problem::bad_request(format!("The header {name} holds bytes that are not visible ASCII.")));
        };
        map.entry(name.as_str()).or_default().push(value);
    }
    Ok(map)
}

fn last_values<'a>(map: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeMap<&'a str, &'a str> {
    map.iter().filter_map(|(name, values)| values.last().map(|value| (*name, *value))).collect()
}
