use ade_core::access::Permission;
use ade_core::build::{self, BuildStatus};
use ade_core::id::BuildId;
use ade_core::layout;
use serde::Deserialize;

use super::{Build, Package};
use crate::edge::{Answer, Call, Problem, ok};

/// Get a build
#[utoipa::path(
    get,
    path = "/builds/{build_id}",
    operation_id = "get-build",
    tag = "Builds",
    params(("build_id" = BuildId, Path, description = "The build.")),
    responses((status = 200, description = "The build.", body = Build))
)]
pub async fn get_build(call: Call) -> Answer {
    let record = find(&call).await?;
    let packages = packages(&call, &record).await?;
    ok(&Build { packages, ..record.into() })
}

/// The build that the path names, if the caller may read it.
pub(super) async fn find(call: &Call) -> Result<build::Build, Problem> {
    let id: BuildId = call.request.id_in_path("build_id")?;
    call.note("build_id", id);
    call.allow(Permission::BuildsRead, call.ade().builds.get(id).await?)
}

/// What is installed in a build's environment.
async fn packages(call: &Call, build: &build::Build) -> Result<Option<Vec<Package>>, Problem> {
    if build.status != BuildStatus::Active {
        return Ok(None);
    }
    let json = call.ade().objects.read(&layout::build_packages(build.build_id)).await?;
    let list = json.map(|json| serde_json::from_slice::<PackageList>(&json).map_err(Problem::internal)).transpose()?;
    Ok(list.map(|list| list.packages))
}

/// `packages.json` as the builder leaves it.
#[derive(Deserialize)]
struct PackageList {
    packages: Vec<Package>,
}
