use ade_core::access::Permission;
use ade_core::id::WorkspaceId;
use ade_core::workspace::{ChangeWorkspace, WorkspaceSettings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Workspace;
use super::create::{NAME_LIMIT, checked_slug};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Checks, ok};
use crate::runs::TIMEOUT;

/// Most runs at once that a workspace may ask for.
const CONCURRENT_RUNS: u32 = 10_000;
/// Longest retention, in days: a hundred years.
const RETENTION_DAYS: u32 = 36_500;

/// What changes in a workspace; what is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UpdateWorkspace {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 120, example = "Finance")]
    pub name: Option<String>,
    /// Its unique name for URLs and commands.
    #[schema(max_length = 48, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", example = "finance")]
    pub slug: Option<String>,
    /// Its settings, all of them: a field that is null or missing takes the installation's.
    #[serde(deserialize_with = "crate::edge::body::object_or_null")]
    pub settings: Option<WorkspaceSettings>,
}

/// Update a workspace
///
/// Its settings hold for runs that start from now on. When more runs may be worked on at once, those that wait start.
#[utoipa::path(
    patch,
    path = "/workspaces/{workspace_id}",
    operation_id = "update-workspace",
    tag = "Workspaces",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    request_body = UpdateWorkspace,
    responses(
        (status = 200, description = "The workspace as it is now.", body = Workspace),
        (
            status = 409,
            description = "Another workspace has the slug (`slug_taken`), or somebody else changed this one at the same time.",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn update_workspace(call: Call) -> Answer {
    let workspace = call.workspace(Permission::WorkspaceManage).await?;
    let UpdateWorkspace { name, slug, settings } = call.request.json()?;
    let mut checks = Checks::new();
    if let Some(name) = &name {
        checks = checks.line("name", name, NAME_LIMIT);
    }
    checks = checked_slug(checks, slug.as_deref());
    if let Some(settings) = &settings {
        checks = checked_settings(checks, settings);
    }
    checks.finish()?;
    let changed = call.ade().workspaces.update(&workspace, ChangeWorkspace { name, slug, settings }).await?;
    if settings.is_some() {
        call.ade().runs.start_waiting(call.dispatcher().as_ref(), changed.workspace_id).await;
    }
    let role = call.role(&changed)?;
    ok(&Workspace::new(changed, role))
}

fn checked_settings(checks: Checks, settings: &WorkspaceSettings) -> Checks {
    let WorkspaceSettings { concurrent_runs, run_timeout_seconds, run_retention_days, document_retention_days } = *settings;
    [
        ("concurrent_runs", concurrent_runs.map(u64::from), u64::from(CONCURRENT_RUNS)),
        ("run_timeout_seconds", run_timeout_seconds, TIMEOUT),
        ("run_retention_days", run_retention_days.map(u64::from), u64::from(RETENTION_DAYS)),
        ("document_retention_days", document_retention_days.map(u64::from), u64::from(RETENTION_DAYS)),
    ]
    .into_iter()
    .fold(checks, |checks, (name, value, most)| {
        let within = value.is_none_or(|value| (1..=most).contains(&value));
        checks.that(within, &format!("settings.{name}"), "out_of_range", format!("must be from 1 to {most}, or null"))
    })
}
