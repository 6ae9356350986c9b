//! The reaper as a function: called on a schedule, it looks after runs and builds that nobody looks after, and
//! removes what is kept no longer.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ade_core::metrics::{Metrics, Unit};
use ade_core::reaper::{Reaped, Reaper};
use ade_core::retention::{Sweeper, Swept};
use ade_core::time::Timestamp;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

use crate::edge::App;
use crate::edge::serve::start;

/// How long before the function's deadline a round ends; the next one goes on.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a round removes what is kept no longer.
const SWEEPING: Duration = Duration::from_secs(20);

/// Serves the reaper. Its event says nothing: the schedule's own.
pub fn serve() -> ExitCode {
    start(async move |app| {
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
            let app = Arc::clone(&app);
            async move { round(&app, event.context.deadline).await }
        }))
        .await
    })
}

async fn round(app: &App, deadline_millis: u64) -> Result<Reaped, lambda_runtime::Error> {
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline_millis);
    let deadline = Instant::now() + end.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(MARGIN);
    let ade = &app.ade;
    let reaper = Reaper::new(ade.tables.clone(), ade.runs.clone(), app.dispatcher(), ade.settings.max_attempts);
    let reaped = reaper.reap(Timestamp::now(), deadline).await?;
    if reaped != Reaped::default() {
        let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        Metrics::of(&function).with("Overdue", Unit::Count, reaped.overdue()).with("TakenBack", Unit::Count, reaped.taken_back).emit();
        tracing::info!(?reaped, "looked after what was due");
    }
    // What it can't do now it does in a later round; that is no reason to tell less of what was done.
    match Sweeper::of(ade).go_on(Timestamp::now(), deadline.min(Instant::now() + SWEEPING)).await {
        Ok(swept) if swept != Swept::default() => tracing::info!(?swept, "removed what is kept no longer"),
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "what is kept no longer was not removed"),
    }
    Ok(reaped)
}
