//! Files on this machine that are sent to ADE.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ade_core::id::WorkspaceId;
use console::style;
use indicatif::HumanBytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use crate::cli::CliError;
use crate::cli::client::{Client, NewDocument, Upload};
use crate::cli::display::Display;

/// A file on this machine that will be a document, or the archive of a config.
#[derive(Debug)]
pub(in crate::cli) struct LocalFile {
    /// Where it is.
    pub(in crate::cli) path: PathBuf,
    /// Its name, without directories.
    pub(in crate::cli) name: String,
    /// Its size in bytes when it was looked at.
    pub(in crate::cli) byte_size: u64,
}

impl LocalFile {
    /// Looks at a file before anything is sent.
    pub(in crate::cli) fn check(path: &Path) -> Result<Self, CliError> {
        let shown = path.display();
        let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => CliError::usage(format!("{shown} does not exist")).hint("check the path"),
            _ => CliError::usage(format!("cannot read {shown}: {error}")).hint("check that you may read it"),
        })?;
        if !meta.is_file() {
            return Err(CliError::usage(format!("{shown} is not a file")).hint("name the file itself; several workbooks with *.xlsx"));
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| CliError::usage(format!("{shown} has a name that is not Unicode")).hint("rename it"))?;
        Ok(Self { path: path.to_owned(), name: name.to_owned(), byte_size: meta.len() })
    }

    /// SHA-256 of its bytes in hexadecimal.
    pub(in crate::cli) async fn sha256(&self) -> Result<String, CliError> {
        let unreadable =
            |error| CliError::failed(format!("cannot read {}: {error}", self.path.display())).hint("check that you may read it");
        let mut file = tokio::fs::File::open(&self.path).await.map_err(unreadable)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer).await.map_err(unreadable)? {
                0 => return Ok(hex::encode(hash.finalize())),
                read => hash.update(&buffer[..read]),
            }
        }
    }

    /// Uploads it and has it checked; the document that it is now. `sha256` is what the server accepts no other bytes than.
    pub(in crate::cli) async fn upload(
        &self,
        client: &Client,
        display: &Display,
        workspace: WorkspaceId,
        sha256: String,
    ) -> Result<Value, CliError> {
        let new = NewDocument { name: self.name.clone(), content_type: content_type(&self.name), byte_size: self.byte_size, sha256 };
        let document = client.create_document(workspace, &new).await?;
        let upload = document
            .upload
            .ok_or_else(|| CliError::failed("the server named no place to upload to").hint("does --url name an ADE of this version?"))?;
        self.send(client, &upload, display).await?;
        let document = client.complete_document(document.id).await?;
        display.say(&format!("{} Uploaded {} ({})", style("✓").green(), self.name, HumanBytes(self.byte_size)));
        Ok(document)
    }

    /// Sends its bytes to the place that the server named, and shows how far it has come.
    pub(in crate::cli) async fn send(&self, client: &Client, upload: &Upload, display: &Display) -> Result<(), CliError> {
        let bar = display.upload(&self.name, self.byte_size);
        let sent = bar.clone();
        let uploaded = client.upload(upload, &self.path, self.byte_size, move |bytes| sent.inc(bytes)).await;
        bar.finish_and_clear();
        Ok(uploaded?)
    }
}

/// The media type of a name that ends like one of the kinds ADE reads.
fn content_type(name: &str) -> &'static str {
    let known = HashMap::from([
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("xlsm", "application/vnd.ms-excel.sheet.macroEnabled.12"),
        ("xlsb", "application/vnd.ms-excel.sheet.binary.macroEnabled.12"),
        ("xls", "application/vnd.ms-excel"),
        ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
        ("csv", "text/csv"),
        ("tsv", "text/tab-separated-values"),
    ]);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    known.get(extension.as_str()).copied().unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_missing_file_is_a_usage_error() {
        let error = LocalFile::check(Path::new("no/such.xlsx")).unwrap_err();
        assert_eq!(error.exit, crate::cli::Exit::Usage);
        assert!(error.to_string().starts_with("no/such.xlsx does not exist"));
    }

    #[test]
    fn media_types_follow_the_extension() {
        assert_eq!(content_type("a.b.XLSX"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
        assert_eq!(content_type("README"), "application/octet-stream");
    }
}
