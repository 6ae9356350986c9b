//! Which ADE to talk to: options, then the environment, then the `ade up` that runs nearby.

use std::env;
use std::path::{Path, PathBuf};

use ade_core::id::WorkspaceId;
use clap::Args;
use url::Url;

use super::CliError;
use crate::up::LocalFile;

/// Where the ADE is and who asks.
#[derive(Debug, Clone, Args)]
pub(super) struct ConnectionArgs {
    /// Base URL of the ADE to talk to, such as `https://ade.example.com`
    #[arg(long, global = true, env = "ADE_URL", help_heading = "Connection")]
    pub(super) url: Option<String>,
    /// API key to use
    #[arg(long, global = true, env = "ADE_API_KEY", hide_env_values = true, help_heading = "Connection")]
    pub(super) api_key: Option<String>,
    /// Workspace to work in, by id [default: the one of the running `ade up`, or the API key's]
    #[arg(long, global = true, value_name = "ID", help_heading = "Connection")]
    pub(super) workspace: Option<WorkspaceId>,
}

/// A complete connection.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    /// Base URL, without the API's path.
    pub(super) url: Url,
    /// The key.
    pub(super) api_key: String,
    /// The workspace, when it is known without asking.
    pub(super) workspace: Option<WorkspaceId>,
}

impl ConnectionArgs {
    /// Completes what was given with the running `ade up` of this directory or one above it.
    pub(super) fn resolve(&self) -> Result<Connection, CliError> {
        let here = env::current_dir()
            .map_err(|error| CliError::failed(format!("cannot tell the current directory: {error}")).hint("change to one that exists"))?;
        let local = nearest_local_file(&here)?;
        self.complete(local)
    }

    fn complete(&self, local: Option<LocalFile>) -> Result<Connection, CliError> {
        let url = match (&self.url, &local) {
            (Some(url), _) => url.clone(),
            (None, Some(local)) => local.url.clone(),
            (None, None) => {
                return Err(CliError::usage("no ADE to talk to: nothing is running here and no URL was given")
                    .hint("start one with `ade up` in another terminal, or set ADE_URL and ADE_API_KEY"));
            }
        };
        let url = parse_url(&url)?;
        // The key and workspace of a local ADE are only for that ADE.
        let local = local.filter(|local| parse_url(&local.url).is_ok_and(|other| other == url));
        let api_key = self.api_key.clone().or_else(|| local.as_ref().map(|local| local.api_key.clone()));
        let api_key =
            api_key.ok_or_else(|| CliError::usage(format!("no API key for {url}")).hint("give one with --api-key or set ADE_API_KEY"))?;
        let workspace = self.workspace.or_else(|| local.map(|local| local.workspace_id));
        Ok(Connection { url, api_key, workspace })
    }
}

fn parse_url(text: &str) -> Result<Url, CliError> {
    let usable = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    usable.ok_or_else(|| CliError::usage(format!("{text:?} is not a URL")).hint("write it like http://127.0.0.1:8000"))
}

/// `.ade/local.json` of this directory or the nearest one above it that has one.
fn nearest_local_file(start: &Path) -> Result<Option<LocalFile>, CliError> {
    for directory in start.ancestors() {
        let data_dir: PathBuf = directory.join(".ade");
        match LocalFile::read(&data_dir) {
            Ok(Some(local)) => return Ok(Some(local)),
            Ok(None) => {}
            Err(error) => return Err(CliError::failed(error).hint("remove the file, and start `ade up` again")),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn local() -> LocalFile {
        LocalFile { url: "http://127.0.0.1:8000".into(), api_key: "local".into(), workspace_id: WorkspaceId::generate(), pid: 1 }
    }

    fn args(url: Option<&str>, api_key: Option<&str>) -> ConnectionArgs {
        ConnectionArgs { url: url.map(Into::into), api_key: api_key.map(Into::into), workspace: None }
    }

    #[test]
    fn options_win_and_the_local_file_completes_them() {
        let connection = args(None, None).complete(Some(local())).unwrap();
        assert_eq!((connection.url.as_str(), connection.api_key.as_str()), ("http://127.0.0.1:8000/", "local"));
        let connection = args(None, Some("mine")).complete(Some(local())).unwrap();
        assert_eq!(connection.api_key, "mine");
        assert!(connection.workspace.is_some());
    }

    #[test]
    fn a_local_key_is_never_sent_elsewhere() {
        let error = args(Some("https://ade.example.com"), None).complete(Some(local())).unwrap_err();
        assert!(error.to_string().contains("no API key for https://ade.example.com/"), "{error}");
        let connection = args(Some("https://ade.example.com"), Some("k")).complete(Some(local())).unwrap();
        assert_eq!(connection.workspace, None);
    }

    #[test]
    fn the_nearest_local_file_above_is_found() {
        let top = tempfile::tempdir().unwrap();
        let deep = top.path().join("a/b/c");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir_all(top.path().join("a/.ade")).unwrap();
        local().write(&top.path().join("a/.ade")).unwrap();
        assert_eq!(nearest_local_file(&deep).unwrap().unwrap().api_key, "local");
    }

    #[test]
    fn nothing_to_talk_to_says_what_to_do() {
        let error = args(None, None).complete(None).unwrap_err().to_string();
        assert!(error.contains("ade up"), "{error}");
        assert!(args(Some("localhost:8000"), Some("k")).complete(None).is_err());
    }
}
