use ade_core::access::Permission;
use ade_core::config::{FileSet, template};
use ade_core::id::{ConfigId, ConfigUploadId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Config;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Checks, Problem, created};
use crate::workspaces::NAME_LIMIT;

/// What a new config's draft is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConfigSource {
    /// The engine's template: fields for names and e-mail addresses, to be changed.
    Template {},
    /// The draft of another config, as it is now.
    Clone {
        /// The config; the caller may be in another workspace, but must be able to read it.
        config_id: ConfigId,
    },
    /// A zip archive.
    Archive {
        /// The archive, which has been uploaded as `create-config-upload` says.
        upload_id: ConfigUploadId,
    },
}

/// A config to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateConfig {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 120, example = "Customer lists")]
    pub name: String,
    /// What its draft is made from.
    #[serde(deserialize_with = "crate::edge::body::object")]
    pub source: ConfigSource,
}

/// Create a config
///
/// Its draft holds the files of the source: the template, another config that the caller may read, or a zip archive that has been uploaded
/// (`create-config-upload`). It is not built yet.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/configs",
    operation_id = "create-config",
    tag = "Configs",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    request_body(content = CreateConfig, example = json!({ "name": "Customer lists", "source": { "type": "template" } })),
    responses(
        (status = 201, description = "The new config.", body = Config, headers(("Location" = String, description = "Its path."))),
        (
            status = 409,
            description = "The archive has not been uploaded, or was used already (`archive_not_uploaded`); or the files of the config that is \
                cloned can't stand together (`path_conflict`) or keep changing (`config_changing`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 422,
            description = "The archive can't be read (`archive_unreadable`) or has entries that can't be files of a config (`archive_refused`; \
                see `import-config`); or a field can't be accepted.",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn create_config(call: Call) -> Answer {
    let workspace = call.workspace(Permission::ConfigsManage).await?;
    let new: CreateConfig = call.request.json()?;
    Checks::new().line("name", &new.name, NAME_LIMIT).finish()?;
    let files = match new.source {
        ConfigSource::Template {} => template().map_err(Problem::internal)?,
        ConfigSource::Clone { config_id } => clone(&call, config_id).await?,
        ConfigSource::Archive { upload_id } => call.ade().configs.uploaded_archive(workspace.workspace_id, upload_id).await?,
    };
    let config = call.ade().configs.create(workspace.workspace_id, &new.name, files).await?;
    if let ConfigSource::Archive { upload_id } = new.source {
        call.ade().configs.forget_archive(workspace.workspace_id, upload_id).await;
    }
    call.note("config_id", config.config_id);
    let link = format!("/workspaces/{}/configs/{}", workspace.workspace_id, config.config_id);
    created(&call.request, &link, &Config::new(config, None))
}

/// The files of a config that the caller may read, wherever it is.
async fn clone(call: &Call, config: ConfigId) -> Result<FileSet, Problem> {
    let config = call.allow(Permission::ConfigsRead, call.ade().configs.get(config).await?)?;
    Ok(call.ade().configs.draft_files(config.config_id).await?)
}
