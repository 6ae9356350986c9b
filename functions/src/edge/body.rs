//! Reading JSON bodies and query strings into types, and telling exactly what is wrong with them.

use std::fmt;
use std::marker::PhantomData;

use ade_core::layout::truncate;
use http::{HeaderMap, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Problem;
use super::problem::FieldError;

/// Longest JSON body. Documents never travel in bodies: they are uploaded with presigned URLs.
const LIMIT: usize = 1 << 20;

/// Most bytes of a client's own words that are sent back.
const QUOTED: usize = 400;

/// Reads a JSON body.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    if body.len() > LIMIT {
        return Err(Problem::body_too_large(LIMIT as u64));
    }
    if body.trim_ascii().is_empty() {
        return Err(Problem::bad_request("body_required", "This request needs a JSON body; send at least `{}`."));
    }
    if !headers.get(header::CONTENT_TYPE).is_none_or(|value| is_json(value.as_bytes())) {
        return Err(Problem::not_json());
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let value = object(serde_path_to_error::Deserializer::new(&mut reader, &mut track))
        .map_err(|error| if error.is_data() { field_error(track.path().to_string(), &error) } else { malformed(&error) })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Reads a type from a JSON object only. Derived readers also take an array of the fields in order, which is nobody's contract;
/// fields whose type is such a one are read with this (`deserialize_with`).
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    reader.deserialize_map(Object(PhantomData))
}

/// The same of a field that may be null.
pub(crate) fn object_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    struct Object<T>(T);

    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
        fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
            object(reader).map(Self)
        }
    }

    Ok(Option::<Object<T>>::deserialize(reader)?.map(|Object(value)| value))
}

/// Reads a query string; a name may stand in it several times for a list.
pub(super) fn query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let reader = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(reader).map_err(|error| field_error(error.path().to_string(), error.inner()))
}

/// Reads a number or flag of a query string. Its name with nothing behind it is a mistake, not its absence.
pub(crate) fn not_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

fn malformed(error: &serde_json::Error) -> Problem {
    let detail = format!("The body is not JSON (line {}, column {}).", error.line(), error.column());
    Problem::bad_request("invalid_json", detail)
}

/// One field that can't be accepted, in serde's words, without the place in the text that it appends. The words may quote
/// the client, so they are cut.
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
    let [path, message] = [path.as_str(), message].map(|text| truncate(text, QUOTED));
    Problem::invalid(vec![FieldError::new(path, code, message)])
}

fn join(parent: &str, field: &str) -> String {
    if parent.is_empty() { field.to_owned() } else { format!("{parent}.{field}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::edge::PageQuery;
    use crate::edge::problem::ProblemDocument;
    use crate::runs::{CreateRun, ListRunsQuery};
    use proptest::prelude::*;

    fn document(problem: Problem) -> ProblemDocument {
        serde_json::from_slice(problem.into_response("/", "").body()).unwrap()
    }

    /// Status and code of what a body is refused with.
    fn refusal(content_type: Option<&'static str>, body: &[u8]) -> (u16, String) {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        let refused = document(json::<CreateRun>(&headers, body).unwrap_err());
        (refused.status, refused.code)
    }

    /// Path and code of the field that a body is refused for.
    fn field<T: DeserializeOwned + std::fmt::Debug>(body: &str) -> (String, String) {
        let mut refused = document(json::<T>(&HeaderMap::new(), body.as_bytes()).unwrap_err());
        let error = refused.errors.remove(0);
        (error.path, error.code)
    }

    #[test]
    fn bodies_that_are_no_json_are_refused() {
        let json = Some("application/json; charset=utf-8");
        assert_eq!(refusal(json, b""), (400, "body_required".into()));
        assert_eq!(refusal(None, b" \n"), (400, "body_required".into()));
        assert_eq!(refusal(json, b"{\"stream\": tru"), (400, "invalid_json".into()));
        assert_eq!(refusal(json, b"{} {}"), (400, "invalid_json".into()));
        assert_eq!(refusal(json, b"\xff"), (400, "invalid_json".into()));
        assert_eq!(refusal(Some("text/csv"), b"{}"), (415, "unsupported_media_type".into()));
        assert_eq!(refusal(json, &vec![b' '; LIMIT + 1]), (413, "payload_too_large".into()));
        let nested = format!("{{\"options\":{{\"metadata\":{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(refusal(json, nested.as_bytes()), (400, "invalid_json".into()));
    }

    #[test]
    fn a_refused_field_is_named() {
        let run = field::<CreateRun>;
        assert_eq!(run("[]"), (String::new(), "invalid_type".into()));
        assert_eq!(run(r#"{"options": []}"#), ("options".into(), "invalid_type".into()));
        assert_eq!(run(r#"{"surprise": 1}"#), ("surprise".into(), "unknown_field".into()));
        assert_eq!(run(r#"{"options": {"fast": true}}"#), ("options.fast".into(), "unknown_field".into()));
        assert_eq!(run(r#"{"options": {"version": "newest"}}"#), ("options.version".into(), "invalid_value".into()));
        assert_eq!(run(r#"{"input_documents": ["x"]}"#), ("input_documents[0]".into(), "invalid_value".into()));
        assert_eq!(run(r#"{"stream": "yes"}"#), ("stream".into(), "invalid_type".into()));
        let create = field::<crate::documents::CreateDocument>;
        assert_eq!(create(r#"{"name": "a.csv"}"#), ("byte_size".into(), "required".into()));
        assert_eq!(create(r#"{"name": "a.csv", "byte_size": -1}"#), ("byte_size".into(), "invalid_value".into()));
        let workspace = field::<crate::workspaces::UpdateWorkspace>;
        assert_eq!(workspace(r#"{"settings": [null, null]}"#), ("settings".into(), "invalid_type".into()));
        assert_eq!(workspace(r#"{"settings": {"concurrent_runs": "many"}}"#), ("settings.concurrent_runs".into(), "invalid_type".into()));
        let config = field::<crate::configs::CreateConfig>;
        assert_eq!(config(r#"{"name": "x", "source": {"type": "magic"}}"#).0, "source.type");
        assert_eq!(config(r#"{"name": "x", "source": {"type": "template", "more": 1}}"#).1, "unknown_field");
    }

    #[test]
    fn queries_are_read_strictly() {
        let field = |text| document(query::<ListRunsQuery>(text).unwrap_err()).errors.remove(0);
        for (text, path) in [
            ("limit=-1", "limit"),
            ("limit=many", "limit"),
            ("surprise=1", "surprise"),
            ("config_id=x", "config_id"),
            ("limit=", "limit"),
            ("created_after=", "created_after"),
        ] {
            assert_eq!(field(text).path, path, "{text}");
        }
        assert_eq!(field("status=queued&status=lost").code, "invalid_value");
        let read: ListRunsQuery = query("status=queued&status=failed&limit=7&submitted_by=a%20b").unwrap();
        assert_eq!((read.status.len(), read.limit, read.submitted_by.as_deref()), (2, Some(7), Some("a b")));
        assert!(query::<PageQuery>("").unwrap().cursor.is_none());
        assert!(query::<PageQuery>("cursor=").unwrap().request().is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_answered_briefly(body in "\\PC{0,80}|\\{\"\\PC{0,2000}\":1\\}", text in "\\PC{0,80}") {
            for refused in [json::<CreateRun>(&HeaderMap::new(), body.as_bytes()).err(), query::<ListRunsQuery>(&text).err()] {
                let Some(refused) = refused else { continue };
                prop_assert!(refused.status().is_client_error());
                prop_assert!(refused.into_response("/", "").body().len() < 8000);
            }
        }
    }
}
