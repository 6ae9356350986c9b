use ade_core::access::Permission;
use ade_core::config::ARCHIVE_LIMIT;
use ade_core::id::{ConfigUploadId, WorkspaceId};
use ade_core::time::Timestamp;
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::documents::{Upload, is_sha256};
use crate::edge::object::object_name;
use crate::edge::{Answer, Call, Checks, Kept, Problem, respond};

object_name!(ConfigUploadObject, "ade.config.upload");

/// An archive to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateConfigUpload {
    /// Its exact size in bytes; at most 64 MiB.
    #[schema(minimum = 1, maximum = 67_108_864, example = 9_120)]
    pub byte_size: u64,
    /// SHA-256 of its bytes in hexadecimal.
    #[schema(pattern = "^[0-9a-fA-F]{64}$", example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub sha256: String,
}

/// An archive that can be uploaded, and then be used once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigUpload {
    /// Its id, by which a config is made from it or it is imported.
    pub id: ConfigUploadId,
    /// Always `ade.config.upload`.
    pub object: ConfigUploadObject,
    /// The request that uploads its bytes.
    pub upload: Upload,
}

/// What is kept of an upload, to presign it anew.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Announced {
    workspace_id: WorkspaceId,
    upload_id: ConfigUploadId,
    byte_size: u64,
    sha256: String,
}

/// Announce an archive
///
/// Answers with the request that uploads a zip archive of a config's files, straight to storage. A config is then made from it (`create-config`
/// with the source `archive`), or it replaces the files of one (`import-config`). An archive that nobody uses is deleted after a day.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/config-uploads",
    operation_id = "create-config-upload",
    tag = "Configs",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    request_body = CreateConfigUpload,
    responses((status = 201, description = "How to upload it.", body = ConfigUpload))
)]
pub async fn create_config_upload(call: Call) -> Answer {
    let workspace = call.workspace(Permission::ConfigsManage).await?;
    let new: CreateConfigUpload = call.request.json()?;
    Checks::new()
        .that((1..=ARCHIVE_LIMIT).contains(&new.byte_size), "byte_size", "out_of_range", format!("must be 1 to {ARCHIVE_LIMIT}"))
        .that(is_sha256(&new.sha256), "sha256", "invalid_value", "must be 64 hexadecimal digits")
        .finish()?;
    let announced = Announced {
        workspace_id: workspace.workspace_id,
        upload_id: ConfigUploadId::generate(),
        byte_size: new.byte_size,
        sha256: new.sha256.to_ascii_lowercase(),
    };
    let mut answer = respond::json(StatusCode::CREATED, &presigned(&call, &announced).await?)?;
    answer.extensions_mut().insert(Kept::ConfigUpload(announced));
    Ok(answer)
}

/// An upload that was announced before; it is presigned anew.
pub(crate) async fn announced_again(call: &Call, announced: &Announced) -> Result<Bytes, Problem> {
    Ok(serde_json::to_vec(&presigned(call, announced).await?).map_err(Problem::internal)?.into())
}

async fn presigned(call: &Call, announced: &Announced) -> Result<ConfigUpload, Problem> {
    let Announced { workspace_id, upload_id, byte_size, sha256 } = announced;
    let valid = call.ade().settings.presign.duration();
    let expires = Timestamp::now() + valid;
    let request = call.ade().configs.archive_upload(*workspace_id, *upload_id, *byte_size, sha256, valid).await?;
    Ok(ConfigUpload {
        id: *upload_id,
        object: ConfigUploadObject::Name,
        upload: Upload {
            method: "PUT".to_owned(),
            url: request.url,
            headers: request.headers.into_iter().collect(),
            expires: expires.seconds(),
        },
    })
}
