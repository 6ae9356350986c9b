use std::sync::Arc;

use crate::edge::{Answer, App, Problem, Request};

/// Refuses a request for a path or method that the API does not have. Not an operation: gateways send it what is left.
#[expect(clippy::unused_async, reason = "handlers are async functions")]
pub async fn not_found(_app: Arc<App>, _request: Request) -> Answer {
    Err(Problem::no_route())
}
