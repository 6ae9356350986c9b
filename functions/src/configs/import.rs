use ade_core::access::Permission;
use ade_core::id::{ConfigId, ConfigUploadId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ConfigFiles;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call};

/// An archive that replaces a config's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportConfig {
    /// The archive, which has been uploaded as `create-config-upload` says.
    pub upload_id: ConfigUploadId,
}

/// Import files into a config
///
/// Replaces all files of the draft by those of a zip archive. Send `If-Match` with the entity tag of the list of files (its `fileset_hash`, in
/// quotes): should anybody have changed a file since, nothing is replaced (412), and the archive may be imported again. The archive holds files
/// and directories under the paths that they have in the config. When an entry can't be a file of a config nothing is imported, and `errors`
/// names each such entry.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/configs/{config_id}/import",
    operation_id = "import-config",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        ("If-Match" = Option<String>, Header, description = "The entity tag of the list of files that are replaced."),
    ),
    request_body = ImportConfig,
    responses(
        (status = 200, description = "The files there are now.", body = ConfigFiles, headers(("ETag" = String, description = "The fileset's hash."))),
        (
            status = 409,
            description = "The archive has not been uploaded, or was used already (`archive_not_uploaded`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 412,
            description = "The files are not what was expected, or are being replaced by somebody else (`precondition_failed`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 422,
            description = "The archive can't be read (`archive_unreadable`) or has entries that can't be files of a config (`archive_refused`: \
                `errors` has the name of each as its `path`, and a `code`: `invalid_path`, `symlink`, `special_file`, `encrypted`, \
                `unsupported_compression`, `too_large`, `too_many_files`, `duplicate`, `case_conflict`, `path_conflict`, `damaged`, `empty`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 428,
            description = "`If-Match` was not sent (`precondition_required`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn import_config(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsManage).await?;
    let ImportConfig { upload_id } = call.request.json()?;
    let tag = call.request.expected_tag()?;
    let configs = &call.ade().configs;
    let files = configs.uploaded_archive(config.workspace_id, upload_id).await?;
    let draft = configs.replace_draft(&config, tag.trim_matches('"'), files).await?;
    configs.forget_archive(config.workspace_id, upload_id).await;
    ConfigFiles::answer(&config, draft, None)
}
