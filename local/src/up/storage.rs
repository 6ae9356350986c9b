//! DynamoDB and S3 for a local ADE: embedded in this process, or another endpoint such as LocalStack.

use std::env;
use std::path::Path;

use ade_core::access::Role;
use ade_core::id::WorkspaceId;
use ade_core::key::{ApiKeys, SignInError};
use ade_core::settings::Settings;
use ade_core::store::{Objects, StoreError, Tables};
use ade_core::workspace::{CreateWorkspaceError, Workspaces};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use serde::{Deserialize, Serialize};
use url::Url;

use super::UpError;
use super::local_file::{read_json, write_json};
use crate::embedded::{DataDir, Embedded, S3Service};
use crate::roles::{self, Roles};

/// The region that local functions believe to be in.
pub(super) const REGION: &str = "us-east-1";
/// Slug of the workspace that a local ADE starts with.
const WORKSPACE: &str = "default";
/// Keeps the admin's key while nothing runs; beside the tables that know its hash.
const ADMIN_FILE: &str = "admin.json";

/// The storage of a running stack.
pub(super) enum Storage {
    /// In this process.
    Embedded(Box<Embedded>),
    /// Elsewhere; the data directory is owned all the same, for what runs and builds leave on the disk.
    Endpoint { url: Url, _data_dir: DataDir },
}

/// What functions need to know to reach it.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) dynamodb: String,
    pub(super) s3: String,
    pub(super) key_id: String,
    pub(super) secret: String,
    embedded: bool,
}

/// Who administers a local ADE.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Admin {
    pub(super) api_key: String,
    pub(super) workspace_id: WorkspaceId,
}

impl Storage {
    pub(super) async fn start(data_dir: &Path, endpoint: Option<Url>, roles: Roles) -> Result<Self, UpError> {
        match endpoint {
            None => Ok(Self::Embedded(Box::new(Embedded::start_with(data_dir, roles).await?))),
            Some(url) => Ok(Self::Endpoint { url, _data_dir: DataDir::open(data_dir)? }),
        }
    }

    pub(super) fn access(&self) -> Access {
        match self {
            Self::Embedded(embedded) => Access {
                dynamodb: embedded.dynamodb_url.clone(),
                s3: embedded.s3_url.clone(),
                key_id: embedded.credentials.access_key_id.clone(),
                secret: embedded.credentials.secret_access_key.clone(),
                embedded: true,
            },
            Self::Endpoint { url, .. } => {
                let url = url.as_str().trim_end_matches('/').to_owned();
                // What emulators accept when nothing else is said.
                let variable = |name| env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| "test".to_owned());
                let (key_id, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
                Access { dynamodb: url.clone(), s3: url, key_id, secret, embedded: false }
            }
        }
    }

    /// The S3 to serve under our own address; none when clients reach the endpoint themselves.
    pub(super) fn s3_service(&self) -> Option<S3Service> {
        match self {
            Self::Embedded(embedded) => Some(embedded.s3_service.clone()),
            Self::Endpoint { .. } => None,
        }
    }

    pub(super) async fn shutdown(self) {
        if let Self::Embedded(embedded) = self {
            embedded.shutdown().await;
        }
    }
}

impl Access {
    /// The key id that a function signs with. Other endpoints know nothing of ours.
    pub(super) fn key_id_of(&self, function: &str) -> String {
        if self.embedded { roles::key_id(&self.key_id, function) } else { self.key_id.clone() }
    }

    async fn sdk(&self, endpoint: &str) -> SdkConfig {
        let credentials = Credentials::new(&self.key_id, &self.secret, None, None, "ade");
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials)
            .endpoint_url(endpoint)
            .load()
            .await
    }
}

/// Makes what is missing: tables, bucket, the default workspace and a system admin's key. Everything that is there stays.
pub(super) async fn prepare(access: &Access, settings: &Settings, data_dir: &Path) -> Result<Admin, UpError> {
    let tables = Tables::new(aws_sdk_dynamodb::Client::new(&access.sdk(&access.dynamodb).await), settings.table_prefix.clone());
    tables.create_missing().await?;
    let s3 = aws_sdk_s3::config::Builder::from(&access.sdk(&access.s3).await).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    Objects::new(s3.clone(), s3, settings.bucket.clone()).create_bucket().await?;

    let workspace_id = default_workspace(&Workspaces::new(tables.clone())).await?;
    let keys = ApiKeys::new(tables);
    let path = data_dir.join(ADMIN_FILE);
    if let Some(admin) = read_json::<Admin>(&path)? {
        match keys.sign_in(&admin.api_key).await {
            Ok(_) if admin.workspace_id == workspace_id => return Ok(admin),
            // Revoked, or of tables that were emptied: a new one is made.
            Ok(_) | Err(SignInError::Invalid) => {}
            Err(SignInError::Store(error)) => return Err(error.into()),
        }
    }
    let (_, secret) = keys.create(None, "ade up", Role::SystemAdmin, None).await?;
    let admin = Admin { api_key: secret.expose(), workspace_id };
    write_json(&path, &admin)?;
    Ok(admin)
}

async fn default_workspace(workspaces: &Workspaces) -> Result<WorkspaceId, StoreError> {
    if let Some(workspace) = workspaces.by_slug(WORKSPACE).await? {
        return Ok(workspace.workspace_id);
    }
    match workspaces.create(WORKSPACE, Some(WORKSPACE)).await {
        Ok(workspace) => Ok(workspace.workspace_id),
        Err(CreateWorkspaceError::Store(error)) => Err(error),
        Err(CreateWorkspaceError::SlugTaken(slug)) => {
            Err(StoreError::Corrupt(format!("the slug {slug:?} is taken by a workspace that is gone")))
        }
    }
}
