//! The template that new configs start from: the engine's own, embedded when this crate is built.

use bytes::Bytes;

use super::files::InvalidPath;
use super::snapshot::FileSet;

const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/template.rs"));

/// A file of the template has a path that a config can't have: this program was built wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("template file {path:?}: {source}")]
pub struct TemplateError {
    path: &'static str,
    source: InvalidPath,
}

/// The files of the template.
pub fn template() -> Result<FileSet, TemplateError> {
    FILES
        .iter()
        .map(|&(path, content)| match path.parse() {
            Ok(path) => Ok((path, Bytes::from_static(content))),
            Err(source) => Err(TemplateError { path, source }),
        })
        .collect()
}
