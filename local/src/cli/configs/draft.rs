//! The draft of a config, on the server.

use std::collections::BTreeMap;

use ade_core::config::ConfigPath;
use bytes::Bytes;
use http::Method;
use reqwest::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use serde::Deserialize;

use crate::cli::client::{ApiError, Client, Config, segment};

/// A draft and how to reach it.
pub(super) struct Draft<'a> {
    client: &'a Client,
    files: String,
}

/// A file of it.
#[derive(Debug, Deserialize)]
struct Listed {
    path: String,
    etag: String,
}

#[derive(Debug, Deserialize)]
struct Listing {
    files: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Written {
    etag: String,
}

impl<'a> Draft<'a> {
    /// The draft of a config. Makes no request yet.
    pub(super) fn of(client: &'a Client, config: &Config) -> Self {
        Self { client, files: format!("/workspaces/{}/configs/{}/files", config.workspace_id, config.id) }
    }

    /// The entity tags of its files.
    pub(super) async fn list(&self) -> Result<BTreeMap<ConfigPath, String>, ApiError> {
        let listing: Listing = self.client.json(self.client.request(Method::GET, &self.files)).await?;
        // They are written to this machine: a server must not choose files elsewhere.
        let file = |file: Listed| match file.path.parse() {
            Ok(path) => Ok((path, file.etag)),
            Err(error) => Err(ApiError::Answer(format!("the config has a file {:?}: {error}", file.path))),
        };
        listing.files.into_iter().map(file).collect()
    }

    /// A file and its entity tag.
    pub(super) async fn read(&self, path: &ConfigPath) -> Result<(String, Bytes), ApiError> {
        let answer = self.client.send(self.client.request(Method::GET, &self.file(path))).await?;
        let etag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let etag = etag.ok_or_else(|| ApiError::Answer(format!("{path} has no entity tag")))?;
        Ok((etag, self.client.read(answer).await?))
    }

    /// Replaces the file that is in the state with this entity tag, or creates it; its new entity tag.
    pub(super) async fn write(&self, path: &ConfigPath, expected: Option<&str>, content: Bytes) -> Result<String, ApiError> {
        let request = self.client.request(Method::PUT, &self.file(path)).body(content);
        let request = match expected {
            Some(etag) => request.header(IF_MATCH, etag),
            None => request.header(IF_NONE_MATCH, "*"),
        };
        let written: Written = self.client.json(request).await?;
        Ok(written.etag)
    }

    /// Deletes the file that is in the state with this entity tag.
    pub(super) async fn delete(&self, path: &ConfigPath, expected: &str) -> Result<(), ApiError> {
        let request = self.client.request(Method::DELETE, &self.file(path)).header(IF_MATCH, expected);
        self.client.send(request).await.map(drop)
    }

    fn file(&self, path: &ConfigPath) -> String {
        let segments: Vec<String> = path.as_str().split('/').map(segment).collect();
        format!("{}/{}", self.files, segments.join("/"))
    }
}
