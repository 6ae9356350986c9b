//! What operators want to know of every run, as metrics.

use std::sync::atomic::{AtomicBool, Ordering};

use ade_core::metrics::{Metrics, Unit};
use ade_core::run::Run;
use ade_core::time::Timestamp;

/// Whether this process has measured a run already: its first one had to wait for the start.
static IS_WARM: AtomicBool = AtomicBool::new(false);

/// Measures a run that was claimed as `claimed` and ended as `finished`.
pub(super) fn measure(claimed: &Run, finished: &Run, bytes_out: u64) {
    let started = claimed.started.unwrap_or(claimed.created);
    let result = finished.outcome.report.result.as_ref();
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    Metrics::of(&function)
        .by("Status", finished.status.word())
        .about("run_id", &finished.run_id.to_string())
        .about("workspace_id", &finished.workspace_id.to_string())
        .about("trace_id", &finished.trace_id)
        .with("Runs", Unit::Count, 1)
        .with("Duration", Unit::Milliseconds, finished.finished.unwrap_or_else(Timestamp::now).millis_since(started))
        .with("QueueWait", Unit::Milliseconds, started.millis_since(claimed.created))
        .with("ColdStarts", Unit::Count, u64::from(!IS_WARM.swap(true, Ordering::Relaxed)))
        .with("Rows", Unit::Count, result.map_or(0, |result| result.rows))
        .with("BytesIn", Unit::Bytes, claimed.input_documents.iter().map(|document| document.byte_size).sum())
        .with("BytesOut", Unit::Bytes, bytes_out)
        .emit();
}
