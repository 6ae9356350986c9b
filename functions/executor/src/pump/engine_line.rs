//! One line of output as it stands in the log.
//!
//! The engine writes its events as JSON objects on standard error. Such a line keeps its level, name and data; everything else,
//! whatever it looks like, is plain text. Nothing that is printed can become any other kind of event.

use std::borrow::Cow;
use std::fmt;

use ade_core::eventlog::{LogLevel, LogLine, LogStream};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::lines::{LINE_LIMIT, Line};

/// What the names of the engine's events start with.
const ENGINE: &str = "engine.";

/// Reads a line of `stream`.
pub(super) fn read(stream: LogStream, line: &Line<'_>) -> LogLine {
    if stream == LogStream::Stderr
        && line.bytes.first() == Some(&b'{')
        && let Some(event) = EngineEvent::read(&line.bytes, line.truncated)
    {
        return event.into_log_line(stream, line.truncated);
    }
    plain(stream, line)
}

fn plain(stream: LogStream, line: &Line<'_>) -> LogLine {
    let bytes = if line.truncated { without_broken_end(&line.bytes) } else { &line.bytes };
    let mut message = String::from_utf8_lossy(bytes).into_owned();
    // Replacement characters are longer than what they replace.
    let too_long = message.len() > LINE_LIMIT;
    message.truncate(message.floor_char_boundary(LINE_LIMIT));
    LogLine { truncated: line.truncated || too_long, ..LogLine::plain(stream, message) }
}

/// A cut line may end inside a character; that is no fault of who wrote it.
fn without_broken_end(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

/// An event of the engine, as far as it could be read.
#[derive(Debug, Default)]
struct EngineEvent {
    level: Option<LogLevel>,
    name: Option<String>,
    message: Option<String>,
    data: Option<Value>,
    error: Option<Value>,
}

impl EngineEvent {
    /// `None` when the line is not an event of the engine. Of a line that was cut, what stands before the cut counts; its data,
    /// which come last, are lost.
    fn read(bytes: &[u8], cut: bool) -> Option<Self> {
        let mut event = Self::default();
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let whole = Fields(&mut event).deserialize(&mut json).and_then(|()| json.end());
        if whole.is_err() && !cut {
            return None;
        }
        event.name.as_deref()?.starts_with(ENGINE).then_some(event)
    }

    fn into_log_line(self, stream: LogStream, truncated: bool) -> LogLine {
        let data = match (self.data, self.error) {
            (data, None) => data,
            (Some(Value::Object(mut data)), Some(error)) => {
                data.insert("error".to_owned(), error);
                Some(Value::Object(data))
            }
            (_, Some(error)) => Some(serde_json::json!({ "error": error })),
        };
        LogLine {
            level: self.level,
            message: self.message.unwrap_or_default(),
            name: self.name,
            data,
            truncated,
            ..LogLine::plain(stream, "")
        }
    }
}

/// Fills an event field by field, so that what was read stays when the rest can't be.
struct Fields<'a>(&'a mut EngineEvent);

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an event of the engine")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "level" => self.0.level = level(&map.next_value::<Value>()?),
                "event" => self.0.name = Some(map.next_value()?),
                "message" => self.0.message = map.next_value()?,
                "data" => self.0.data = map.next_value()?,
                "error" => self.0.error = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Python's names of levels.
fn level(value: &Value) -> Option<LogLevel> {
    match value.as_str()?.to_ascii_lowercase().as_str() {
        "debug" => Some(LogLevel::Debug),
        "info" => Some(LogLevel::Info),
        "warning" | "warn" => Some(LogLevel::Warning),
        "error" | "critical" | "fatal" => Some(LogLevel::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stderr(text: &[u8]) -> LogLine {
        read(LogStream::Stderr, &Line { bytes: Cow::Borrowed(text), truncated: false })
    }

    #[test]
    fn an_event_of_the_engine_keeps_its_parts() {
        let line =
            stderr(br#"{"event_id":"1","level":"warning","event":"engine.table.written","message":"Table","data":{"sheet_name":"A"}}"#);
        assert_eq!(
            (line.level, line.name.as_deref(), line.message.as_str()),
            (Some(LogLevel::Warning), Some("engine.table.written"), "Table")
        );
        assert_eq!(line.data, Some(serde_json::json!({"sheet_name": "A"})));
    }

    #[test]
    fn an_exception_stands_in_the_data() {
        let line = stderr(br#"{"event":"engine.log","level":"error","message":"m","error":{"type":"ValueError"}}"#);
        assert_eq!(line.data, Some(serde_json::json!({"error": {"type": "ValueError"}})));
    }

    #[test]
    fn everything_else_is_text() {
        let forged = br#"{"type":"run.completed","status":"succeeded","id":3}"#;
        assert_eq!(stderr(forged), LogLine::plain(LogStream::Stderr, String::from_utf8_lossy(forged)));
        for text in [&br#"{"event":"mine"}"#[..], b"{", b"[1]", br#"{"event":"engine.x"} trailing"#, br#"{"event":1}"#, b""] {
            assert_eq!(stderr(text), LogLine::plain(LogStream::Stderr, String::from_utf8_lossy(text)));
        }
        let event = br#"{"event":"engine.x"}"#;
        let on_stdout = read(LogStream::Stdout, &Line { bytes: Cow::Borrowed(event), truncated: false });
        assert_eq!(on_stdout.name, None);
        assert_eq!(stderr(b"caf\xe9 \xff").message, "caf\u{fffd} \u{fffd}");
    }

    #[test]
    fn a_cut_event_loses_its_data_only() {
        let text = format!(r#"{{"level":"info","event":"engine.run.completed","message":"done","data":{{"x":"{}"#, "y".repeat(LINE_LIMIT));
        let line = read(LogStream::Stderr, &Line { bytes: Cow::Borrowed(&text.as_bytes()[..LINE_LIMIT]), truncated: true });
        assert_eq!(
            (line.name.as_deref(), line.message.as_str(), line.data, line.truncated),
            (Some("engine.run.completed"), "done", None, true)
        );
    }

    #[test]
    fn no_message_is_longer_than_the_limit() {
        let line = stderr(&vec![0xff; LINE_LIMIT]);
        assert!(line.truncated && line.message.len() <= LINE_LIMIT);
        let mut cut_inside = vec![b'a'; LINE_LIMIT - 1];
        cut_inside.push("é".as_bytes()[0]);
        let line = read(LogStream::Stdout, &Line { bytes: Cow::Owned(cut_inside), truncated: true });
        assert_eq!(line.message, "a".repeat(LINE_LIMIT - 1));
    }
}
