use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use ade_core::confinement::Confinement;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::respond::json;
use crate::edge::{Answer, App, Request};

/// How long a component may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

object_name!(HealthObject, "ade.health");

/// How well something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It works.
    Available,
    /// It works in part.
    Degraded,
    /// It does not work.
    Unavailable,
}

/// A part of ADE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    /// `api`, `store` (tables), `objects` (bucket), `executor` or `safe-mode`.
    #[schema(example = "store")]
    pub name: String,
    /// How well it works.
    pub status: Availability,
    /// What people should know about it.
    pub detail: Option<String>,
}

/// How well ADE works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ade.health`.
    pub object: HealthObject,
    /// As well as its worst component.
    pub status: Availability,
    /// Its parts.
    pub components: Vec<Component>,
}

/// Tell how well ADE works
///
/// Asks every component. Needs no key. While safe mode is on, `safe-mode` is `degraded` and its `detail` says why.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "System",
    security(()),
    responses(
        (status = 200, description = "It works, at least in part.", body = Health),
        (status = 503, description = "A component that everything needs does not work.", body = Health),
    )
)]
pub async fn health(app: Arc<App>, _request: Request) -> Answer {
    let dispatcher = app.dispatcher();
    let (store, objects, executor, confinement, safe_mode) = tokio::join!(
        probe("store", app.ade.tables.check()),
        probe("objects", app.ade.objects.check()),
        probe("executor", dispatcher.check()),
        timeout(PATIENCE, Confinement::read(&app.ade.objects)),
        safe_mode(&app),
    );
    // Without an executor everything can still be read and queued.
    let executor = Component { status: executor.status.min(Availability::Degraded), ..executor };
    // When the bucket does not answer, its own component says so.
    let executor = confined(executor, confinement.ok().and_then(Result::ok).flatten());
    let api = Component { name: "api".to_owned(), status: Availability::Available, detail: None };
    let components = vec![api, store, objects, executor, safe_mode];
    let status = components.iter().map(|component| component.status).max().unwrap_or(Availability::Available);
    let code = if status == Availability::Unavailable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    json(code, &Health { object: HealthObject::Name, status, components })
}

async fn probe<E: Display>(name: &str, check: impl Future<Output = Result<(), E>>) -> Component {
    let problem = match timeout(PATIENCE, check).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("no answer in time".to_owned()),
    };
    if let Some(error) = &problem {
        tracing::warn!(component = name, error, "component does not answer");
    }
    let status = if problem.is_some() { Availability::Unavailable } else { Availability::Available };
    Component { name: name.to_owned(), status, detail: problem.map(|_| "It does not answer.".to_owned()) }
}

/// Adds how user code is confined, as far as an executor has told.
fn confined(executor: Component, confinement: Option<Confinement>) -> Component {
    let Some(Confinement { in_force, missing, .. }) = confinement.filter(|_| executor.detail.is_none()) else { return executor };
    let list = |layers: &[String]| if layers.is_empty() { "nothing".to_owned() } else { layers.join(", ") };
    let detail = match missing.as_slice() {
        [] => format!("User code is confined by {}.", list(&in_force)),
        missing => format!("User code is confined by {}, but not by {}.", list(&in_force), list(missing)),
    };
    let status = if missing.is_empty() { executor.status } else { executor.status.max(Availability::Degraded) };
    Component { status, detail: Some(detail), ..executor }
}

async fn safe_mode(app: &App) -> Component {
    let (status, detail) = match timeout(PATIENCE, app.ade.safe_mode.state()).await {
        Ok(Ok(state)) if state.enabled => {
            let detail = state.detail.unwrap_or_else(|| "New runs and builds are recorded but not executed.".to_owned());
            (Availability::Degraded, Some(detail))
        }
        Ok(Ok(_)) => (Availability::Available, None),
        // Why is told by the store.
        Ok(Err(_)) | Err(_) => (Availability::Unavailable, Some("It can't be read.".to_owned())),
    };
    Component { name: "safe-mode".to_owned(), status, detail }
}
