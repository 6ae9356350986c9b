use std::time::Duration;

use ade_core::access::Permission;
use ade_core::retention::{Mode, Position, Removed, Sweeper, Turn};
use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::problem::FieldError;
use crate::edge::{Answer, Call, Problem, ok};

/// How long one request sweeps; gateways wait 29 seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

object_name!(SweepObject, "ade.sweep");

/// What is swept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StartSweep {
    /// Whether to remove it; else it is only counted.
    pub apply: bool,
    /// Where the sweep goes on: `next` of the answer before.
    #[schema(max_length = 1024)]
    pub after: Option<String>,
}

/// Things of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SweptThings {
    /// How many.
    pub count: u64,
    /// Bytes of their objects.
    pub bytes: u64,
}

impl From<Removed> for SweptThings {
    fn from(Removed { count, bytes }: Removed) -> Self {
        Self { count, bytes }
    }
}

/// A part of a sweep: what is kept no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sweep {
    /// Always `ade.sweep`.
    pub object: SweepObject,
    /// Whether it was removed.
    pub applied: bool,
    /// Runs with their outputs, logs and copies of documents.
    pub runs: SweptThings,
    /// Documents that were deleted, or never uploaded.
    pub documents: SweptThings,
    /// Archives of builds that are not used.
    pub archives: SweptThings,
    /// Documents whose time is up: they count as deleted from now on, and their bytes go later.
    pub expired: u64,
    /// Things that could not be looked at.
    pub failed: u64,
    /// Where the sweep goes on; null at its end.
    pub next: Option<String>,
}

/// Sweep
///
/// Counts what is kept no longer, or removes it, which the system also does by itself, a little every minute. A request looks at a bounded
/// number of things; the next one goes on from its `next`. Needs a system admin key.
#[utoipa::path(
    post,
    path = "/system/sweep",
    operation_id = "sweep",
    tag = "System",
    request_body(content = StartSweep, example = json!({ "apply": false })),
    responses((status = 200, description = "What is kept no longer, as far as this request has come.", body = Sweep))
)]
pub async fn sweep(call: Call) -> Answer {
    call.principal.require_system(Permission::SystemManage).map_err(|denied| Problem::denied(denied, "system"))?;
    let StartSweep { apply, after } = call.request.json()?;
    let invalid = |_| Problem::invalid(vec![FieldError::new("after", "invalid_cursor", "not a position of a sweep")]);
    let from = after.as_deref().map(Position::decode).transpose().map_err(invalid)?;
    let mode = if apply { Mode::Apply } else { Mode::Preview };
    let sweeper = Sweeper::of(call.ade());
    let Turn { swept, next } = sweeper.turn(mode, from, Timestamp::now(), Instant::now() + PATIENCE).await?;
    ok(&Sweep {
        object: SweepObject::Name,
        applied: apply,
        runs: swept.runs.into(),
        documents: swept.documents.into(),
        archives: swept.archives.into(),
        expired: swept.expired,
        failed: swept.failed,
        next: next.map(|next| next.encode()),
    })
}
