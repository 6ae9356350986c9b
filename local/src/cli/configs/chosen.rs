//! Which config is meant: by id, by name, or by the directory that holds its files.

use std::path::Path;

use ade_core::id::WorkspaceId;

use super::directory::{Directory, LINK, Link};
use crate::cli::CliError;
use crate::cli::client::{Client, Config};

/// A config, and the directory that it was named by.
pub(in crate::cli) struct Chosen {
    pub(in crate::cli) config: Config,
    pub(super) directory: Option<(Directory, Link)>,
}

/// The config with this id or name.
pub(in crate::cli) async fn named(client: &Client, workspace: WorkspaceId, wanted: &str) -> Result<Config, CliError> {
    if let Ok(id) = wanted.parse() {
        return Ok(client.config(workspace, id).await?);
    }
    let mut configs = client.configs(workspace).await?;
    let names = configs.iter().map(|config| config.name.as_str()).collect::<Vec<_>>().join(", ");
    configs.retain(|config| config.name == wanted);
    match configs.len() {
        1 => Ok(configs.remove(0)),
        0 => Err(CliError::usage(format!("there is no config {wanted:?}")).hint(match names.as_str() {
            "" => "there are none yet; `ade configs init DIR` and `ade configs push DIR --new NAME` make one".to_owned(),
            names => format!("there are: {names}"),
        })),
        several => Err(CliError::usage(format!("{several} configs are called {wanted:?}")).hint("name one by its id (cfg_…)")),
    }
}

/// The config that a directory is linked to.
pub(super) async fn linked(client: &Client, directory: &Directory, link: &Link) -> Result<Config, CliError> {
    let found = client.config(link.workspace_id, link.config_id).await;
    found.map_err(|error| match error.status() {
        Some(404) => {
            CliError::failed(format!("{} belongs to the config {}, which is not there", directory.path().display(), link.config_id))
                .hint(format!("is this the right ADE? Name another config with --config, or remove {LINK}"))
        }
        _ => error.into(),
    })
}

/// The config that a text names: an id, a directory with its files, or a name; without a text that of the current directory.
pub(in crate::cli) async fn choose(client: &Client, wanted: Option<&str>) -> Result<Chosen, CliError> {
    let directory = match wanted {
        Some(text) => Some(Directory::at(Path::new(text))).filter(Directory::is_linked),
        None => Some(nearest()?),
    };
    let Some(directory) = directory else {
        let config = named(client, client.workspace().await?, wanted.unwrap_or_default()).await?;
        return Ok(Chosen { config, directory: None });
    };
    let link = directory.link()?.ok_or_else(no_config_here)?;
    Ok(Chosen { config: linked(client, &directory, &link).await?, directory: Some((directory, link)) })
}

fn nearest() -> Result<Directory, CliError> {
    let here = std::env::current_dir()
        .map_err(|error| CliError::failed(format!("cannot tell the current directory: {error}")).hint("change to one that exists"))?;
    Directory::nearest(&here).ok_or_else(no_config_here)
}

fn no_config_here() -> CliError {
    CliError::usage("this directory belongs to no config")
        .hint("name a config by name or id, or get its files here with `ade configs pull DIR --config NAME`")
}
