//! Metrics as lines of the log: CloudWatch makes metrics of lines in its embedded metric format, without a call.
//!
//! A line is one JSON object: values by name, and under `_aws` which of them are metrics, in which units and by which dimensions
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//! Elsewhere it is a line of the log like any other.

use serde_json::{Map, Value, json};

use crate::time::Timestamp;

/// Where CloudWatch keeps ADE's metrics.
pub const NAMESPACE: &str = "ADE";

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
        }
    }
}

/// Values measured at once, and what they are about.
#[derive(Debug)]
pub struct Metrics {
    dimensions: Vec<Value>,
    measured: Vec<Value>,
    values: Map<String, Value>,
}

impl Metrics {
    /// Nothing yet, about `function`.
    pub fn of(function: &str) -> Self {
        let values = Map::from_iter([("FunctionName".to_owned(), function.into())]);
        Self { dimensions: vec![json!(["FunctionName"])], measured: Vec::new(), values }
    }

    /// Tells values apart by another property as well, of which there are few.
    #[must_use]
    pub fn by(mut self, name: &str, value: &str) -> Self {
        self.dimensions.push(json!(["FunctionName", name]));
        self.about(name, value)
    }

    /// Adds what to search for, such as an id; it is no metric.
    #[must_use]
    pub fn about(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &str, unit: Unit, value: u64) -> Self {
        self.measured.push(json!({ "Name": name, "Unit": unit.name() }));
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// The line that CloudWatch reads, without its end.
    pub fn line(self, now: Timestamp) -> String {
        let Self { dimensions, measured, mut values } = self;
        let metrics = json!([{ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": measured }]);
        values.insert("_aws".to_owned(), json!({ "Timestamp": now.millis(), "CloudWatchMetrics": metrics }));
        Value::Object(values).to_string()
    }

    /// Writes the line to the log of this function.
    pub fn emit(self) {
        use std::io::Write as _;
        // Whoever cannot write its log has nowhere to say so.
        drop(writeln!(std::io::stdout(), "{}", self.line(Timestamp::now())));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_says_what_its_metrics_are() {
        let metrics = Metrics::of("ade-executor").by("Status", "failed").about("run_id", "run_1");
        let line = metrics.with("Runs", Unit::Count, 1).with("Duration", Unit::Milliseconds, 250).line(Timestamp::from_millis(17));
        assert!(!line.contains('\n'));
        let expected = json!({
            "_aws": {
                "Timestamp": 17,
                "CloudWatchMetrics": [{
                    "Namespace": "ADE",
                    "Dimensions": [["FunctionName"], ["FunctionName", "Status"]],
                    "Metrics": [{ "Name": "Runs", "Unit": "Count" }, { "Name": "Duration", "Unit": "Milliseconds" }],
                }],
            },
            "FunctionName": "ade-executor", "Status": "failed", "run_id": "run_1", "Runs": 1, "Duration": 250,
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    }
}
