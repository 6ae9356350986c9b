//! Configs as zip archives, and as copies of each other.

use std::path::{Path, PathBuf};

use http::Method;
use reqwest::header::IF_MATCH;
use serde::Deserialize;
use serde_json::{Value, json};

use super::path_of;
use crate::cli::CliError;
use crate::cli::client::{Client, Config, Query, Upload};
use crate::cli::display::Display;
use crate::cli::documents::LocalFile;
use crate::cli::run::safe_relative;

/// An archive that has been announced.
#[derive(Debug, Deserialize)]
struct Announced {
    id: String,
    upload: Upload,
}

/// Saves the files of a version of a config as a zip archive; where it is.
pub(super) async fn export(client: &Client, config: &Config, version: &str, out: Option<&Path>, force: bool) -> Result<PathBuf, CliError> {
    let path = match out {
        Some(path) => path.to_owned(),
        // A name for people may be anything: what can't be a file's name here is called by the id.
        None => safe_relative(&format!("{}.zip", config.name))
            .ok()
            .filter(|path| path.components().count() == 1)
            .unwrap_or_else(|| PathBuf::from(format!("{}.zip", config.id))),
    };
    if !force && path.exists() {
        return Err(CliError::usage(format!("{} is there already", path.display()))
            .hint("choose another file with --out, or replace it with --force"));
    }
    let query = Query::default().with("version", version);
    client.download(&format!("{}/export{query}", path_of(config)), &path).await?;
    Ok(path)
}

/// Replaces the draft of a config by the files of an archive; the files that there are then.
pub(super) async fn import(client: &Client, config: &Config, archive: &LocalFile, display: &Display) -> Result<Value, CliError> {
    let upload = upload(client, config.workspace_id.to_string(), archive, display).await?;
    // What is replaced is what was there just now: a change that somebody makes meanwhile is not lost.
    let files = client.ask(Method::GET, &format!("{}/files", path_of(config)), None).await?;
    let expected = format!("{:?}", files["fileset_hash"].as_str().unwrap_or_default());
    let request = client.request(Method::POST, &format!("{}/import", path_of(config))).header(IF_MATCH, expected);
    Ok(client.json(request.json(&json!({ "upload_id": upload }))).await?)
}

/// Makes a config of the files of an archive.
pub(super) async fn create(client: &Client, name: &str, archive: &LocalFile, display: &Display) -> Result<Value, CliError> {
    let workspace = client.workspace().await?;
    let upload = upload(client, workspace.to_string(), archive, display).await?;
    from(client, name, &json!({ "type": "archive", "upload_id": upload })).await
}

/// Makes a config of the draft of another one.
pub(super) async fn clone(client: &Client, config: &Config, name: &str) -> Result<Value, CliError> {
    from(client, name, &json!({ "type": "clone", "config_id": config.id })).await
}

async fn from(client: &Client, name: &str, source: &Value) -> Result<Value, CliError> {
    let path = format!("/workspaces/{}/configs", client.workspace().await?);
    Ok(client.ask(Method::POST, &path, Some(&json!({ "name": name, "source": source }))).await?)
}

/// Uploads an archive; the id under which it can be used once.
async fn upload(client: &Client, workspace: String, archive: &LocalFile, display: &Display) -> Result<String, CliError> {
    let sha256 = archive.sha256().await?;
    let body = json!({ "byte_size": archive.byte_size, "sha256": sha256 });
    let announced: Announced =
        client.json(client.request(Method::POST, &format!("/workspaces/{workspace}/config-uploads")).json(&body)).await?;
    archive.send(client, &announced.upload, display).await?;
    Ok(announced.id)
}
