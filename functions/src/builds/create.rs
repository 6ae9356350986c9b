use ade_core::access::Permission;
use ade_core::build::{self, CreatedBuild, NewBuild, VersionChoice};
use ade_core::dispatch::{ExecuteBuild, Work};
use ade_core::eventlog::{self, Event, Follow, LogSource};
use ade_core::id::{BuildId, ConfigId, WorkspaceId};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Build;
use crate::edge::problem::ProblemDocument;
use crate::edge::stream::until_farewell;
use crate::edge::{Call, Kept, Problem, StreamAnswer, StreamBody, created, ok};
use crate::live;

/// How a build is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BuildOptions {
    /// Build even if a usable build of the same thing exists.
    pub force: bool,
    /// Answer when the build is over; a build that is under way is waited for.
    pub wait: bool,
}

/// A build to be created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CreateBuild {
    /// Answer with the build's events as they happen.
    pub stream: bool,
    /// How it is made.
    #[serde(deserialize_with = "crate::edge::body::object")]
    pub options: BuildOptions,
}

/// Create a build
///
/// Builds the config's draft as it is now and makes the result the config's active build. When a usable build of the same files
/// on the same base exists, that one becomes active and is the answer, with `reused: true`.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/configs/{config_id}/builds",
    operation_id = "create-build",
    tag = "Builds",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
    ),
    request_body(content = CreateBuild, example = json!({ "stream": true, "options": { "force": false, "wait": false } })),
    responses(
        (
            status = 200,
            description = "A build that exists already; or, with `stream`, the new build's events.",
            headers(("X-Build-Id" = BuildId, description = "The build; with `stream`.")),
            content((Build = "application/json"), (Event = "application/x-ndjson")),
        ),
        (status = 201, description = "The new build.", body = Build, headers(("Location" = String, description = "Its path."))),
        (
            status = 409,
            description = "The config is being built already (`build_in_progress`); `build_id` names that build.",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    ),
    extensions(("x-ade-streaming" = json!(true)))
)]
pub async fn create_build(call: Call) -> StreamAnswer {
    let config = call.config_in_workspace(Permission::BuildsManage).await?;
    call.note("config_id", config.config_id);
    let CreateBuild { stream, options } = call.request.json()?;
    let builds = &call.ade().builds;
    let version = builds.resolve(&config, VersionChoice::Draft).await?;
    let new = NewBuild { version, force: options.force, activate: true, trace_id: call.request.trace_id.clone() };
    let (build, existed) = match builds.create(&config, new).await? {
        CreatedBuild::Reused(build) => {
            call.note("build_id", build.build_id);
            return whole(ok(&Build { reused: true, ..build.into() }));
        }
        CreatedBuild::InProgress(build) if !options.wait => return Err(Problem::build_in_progress(build.build_id)),
        CreatedBuild::InProgress(build) => (build, true),
        CreatedBuild::New(build) | CreatedBuild::Skipped(build) => (build, false),
    };
    let id = build.build_id;
    call.note("build_id", id);
    // A build that is joined has been started, and in safe mode a new one is over.
    let work = (!existed && !build.status.is_terminal()).then_some(Work::Build(ExecuteBuild { build_id: id }));
    if stream {
        let mut answer = live::answer(&call, build.workspace_id, &build, work, "x-build-id").await?;
        answer.extensions_mut().insert(Kept::BuildEvents(id));
        return Ok(answer);
    }
    if let Some(work) = work {
        live::hand_over(call.dispatcher().as_ref(), build.workspace_id, work).await;
    }
    let build = if options.wait { wait(&call, build).await? } else { build };
    let link = format!("/builds/{id}");
    whole(if existed { ok(&Build { reused: true, ..build.into() }) } else { created(&call.request, &link, &Build::from(build)) })
}

/// Waits until a build is over, or until there is just time left to say how far it is.
async fn wait(call: &Call, build: build::Build) -> Result<build::Build, Problem> {
    let source = LogSource::<build::Build>::new(call.ade().tables.clone(), build.build_id);
    let options = Follow { after_id: build.execution.last_event_id, live: true };
    let over = eventlog::follow(source, call.ade().objects.clone(), options).try_for_each(async |_| Ok(()));
    if let Some(followed) = until_farewell(call.request.deadline, Box::pin(over)).await {
        followed?;
    }
    Ok(call.ade().builds.get(build.build_id).await?.unwrap_or(build))
}

fn whole(answer: crate::edge::Answer) -> StreamAnswer {
    answer.map(|response| response.map(StreamBody::from))
}
