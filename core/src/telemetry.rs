//! Structured logs: one JSON object a line on stderr, for every binary that runs as a function.

use tracing_subscriber::EnvFilter;

/// Starts JSON logging with the filter of `ADE_LOG`. Fields of the current span (`request_id`, `workspace_id`, `run_id`)
/// stand on every line. Does nothing when a subscriber is already installed, so that tests may call it repeatedly.
pub fn init(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let installed = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    drop(installed);
}
