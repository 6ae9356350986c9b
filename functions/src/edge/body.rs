//! Reading JSON bodies and query strings into types, and telling exactly what is wrong with them.

use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::Problem;
use super::problem::FieldError;

/// Longest JSON body. Files never travel in bodies: they are uploaded with presigned URLs.
const LIMIT: usize = 1 << 20;

/// Reads a JSON body.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    if body.len() > LIMIT {
        return Err(Problem::body_too_large(LIMIT));
    }
    if body.trim_ascii().is_empty() {
        return Err(Problem::bad_request("body_required", "This request needs a JSON body; send at least `{}`."));
    }
    if !headers.get(header::CONTENT_TYPE).is_none_or(|value| is_json(value.as_bytes())) {
        return Err(Problem::not_json());
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { field_error(path, &error) } else { malformed(&error) }
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Reads a query string; a name may stand in it several times for a list.
pub(super) fn query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let reader = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(reader).map_err(|error| field_error(error.path().to_string(), error.inner()))
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

fn malformed(error: &serde_json::Error) -> Problem {
    let detail = format!("The body is not JSON (line {}, column {}).", error.line(), error.column());
    Problem::bad_request("invalid_json", detail)
}

/// One field that can't be accepted, in serde's words, without the place in the text that it appends.
fn field_error(path: String, error: &impl ToString) -> Problem {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let named = |prefix: &str| Some(message.strip_prefix(prefix)?.split('`').nth(1)?.to_owned());
    let parent = if path == "." { String::new() } else { path };
    let (path, code) = if let Some(field) = named("missing field") {
        (join(&parent, &field), "required")
    } else if let Some(field) = named("unknown field") {
        let path = if parent == field || parent.ends_with(&format!(".{field}")) { parent } else { join(&parent, &field) };
        (path, "unknown_field")
    } else if message.starts_with("invalid type") {
        (parent, "invalid_type")
    } else {
        (parent, "invalid_value")
    };
    Problem::invalid(vec![FieldError::new(path, code, message)])
}

fn join(parent: &str, field: &str) -> String {
    if parent.is_empty() { field.to_owned() } else { format!("{parent}.{field}") }
}
