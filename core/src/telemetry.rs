//! Structured logs: one JSON object a line on stderr, for every binary that runs as a function.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};

/// Starts JSON logging with the filter of `ADE_LOG`. Fields of the current span (`request_id`, `workspace_id`, `run_id`)
/// stand on every line. Does nothing when a subscriber is already installed, so that tests may call it repeatedly.
pub fn init(filter: &Targets) {
    let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).with_writer(std::io::stderr);
    drop(registry().with(lines).with(filter.clone()).try_init());
}
