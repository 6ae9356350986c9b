//! What the engine left in its output directory.

use std::io;
use std::path::{Path, PathBuf};

use ade_core::eventlog::{EventBody, FailureCode};
use ade_core::store::{Objects, StoreError};
use futures::{Stream, StreamExt as _};

use crate::stop::{Failed, Stop, fault, outlast};

/// Most files that a run may produce.
const COUNT_LIMIT: usize = 1000;
/// Files uploaded at a time.
const CONCURRENCY: usize = 4;
/// Bytes of an output's path: with what stands before it, it must be a key that storage takes.
const PATH_LIMIT: usize = 900;
/// Bytes of all paths together, which the record of the run holds.
const PATHS_LIMIT: usize = 128 << 10;
const STAGE: &str = "publish_output";

/// A file to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    /// Its path below the output directory, `/`-separated.
    pub(super) path: String,
    file: PathBuf,
    pub(super) byte_size: u64,
}

impl Output {
    /// The event that tells of it.
    pub(super) fn event(&self) -> EventBody {
        EventBody::RunOutput { path: self.path.clone(), byte_size: self.byte_size, content_type: content_type(&self.path).to_owned() }
    }
}

/// The files below a directory, sorted by path. Called when no process is left that could change them. Only regular files with
/// ordinary names count: a link could name any file of this machine.
/// All of them together may have `limit` bytes.
pub(super) fn find(directory: &Path, limit: u64) -> Result<Vec<Output>, Stop> {
    let too_much = |what: String| Stop::from(Failed::new(FailureCode::LimitExceeded, STAGE, format!("the engine left {what}")));
    let (mut found, mut open) = (Vec::new(), vec![(directory.to_owned(), String::new())]);
    let (mut bytes, mut path_bytes, mut strange) = (0u64, 0, 0u64);
    while let Some((path, prefix)) = open.pop() {
        for entry in std::fs::read_dir(&path).map_err(fault(STAGE))? {
            let entry = entry.map_err(fault(STAGE))?;
            let metadata = entry.metadata().map_err(fault(STAGE))?;
            let name = entry.file_name();
            let ordinary = name.to_str().filter(|name| !name.chars().any(char::is_control) && !name.contains('\\'));
            let Some(name) = ordinary.filter(|_| metadata.is_file() || metadata.is_dir()) else {
                strange += 1;
                continue;
            };
            let below = format!("{prefix}{name}");
            if below.len() > PATH_LIMIT {
                return Err(too_much(format!("an output whose path has more than {PATH_LIMIT} bytes")));
            }
            if metadata.is_dir() {
                open.push((entry.path(), format!("{below}/")));
            } else if found.len() == COUNT_LIMIT {
                return Err(too_much(format!("more than {COUNT_LIMIT} output files")));
            } else {
                bytes = bytes.saturating_add(metadata.len());
                path_bytes += below.len();
                if bytes > limit {
                    return Err(too_much(format!("more than {limit} bytes of output")));
                }
                if path_bytes > PATHS_LIMIT {
                    return Err(too_much(format!("outputs whose paths together have more than {PATHS_LIMIT} bytes")));
                }
                found.push(Output { path: below, file: entry.path(), byte_size: metadata.len() });
            }
        }
    }
    if strange > 0 {
        tracing::warn!(entries = strange, "of the output directory are not ordinary files");
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Uploads files below a prefix; each when it is there.
pub(super) fn upload(objects: &Objects, prefix: &str, outputs: Vec<Output>) -> impl Stream<Item = Result<Output, StoreError>> {
    let uploads = outputs.into_iter().map(move |output| async move {
        let key = format!("{prefix}{}", output.path);
        outlast(|| objects.put_file(&key, &output.file, Some(content_type(&output.path)))).await.map(|()| output)
    });
    futures::stream::iter(uploads).buffer_unordered(CONCURRENCY)
}

/// The media type that a file's name promises.
fn content_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("xlsm") => "application/vnd.ms-excel.sheet.macroEnabled.12",
        Some("csv") => "text/csv",
        Some("txt" | "log" | "md") => "text/plain",
        Some("json") => "application/json",
        Some("ndjson") => "application/x-ndjson",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("zip") => "application/zip",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}

/// Whether some file below a directory is as large as files may be: who wrote it was stopped by that limit.
pub(super) fn any_as_large_as(directory: &Path, limit: u64) -> io::Result<bool> {
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                open.push(entry.path());
            } else if metadata.is_file() && metadata.len() >= limit {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_regular_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("b")).unwrap();
        std::fs::write(dir.path().join("b/x.csv"), "1").unwrap();
        std::fs::write(dir.path().join("a.xlsx"), "22").unwrap();
        std::fs::write(dir.path().join("bad\nname"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("b/dir")).unwrap();
        let found = find(dir.path(), 4).unwrap();
        assert_eq!(
            found.iter().map(|output| (output.path.as_str(), output.byte_size)).collect::<Vec<_>>(),
            [("a.xlsx", 2), ("b/x.csv", 1)]
        );
        assert!(matches!(find(dir.path(), 2), Err(Stop::Failed(failed)) if failed.failure.code == FailureCode::LimitExceeded));
        assert!(any_as_large_as(dir.path(), 2).unwrap() && !any_as_large_as(dir.path(), 3).unwrap());
    }

    #[test]
    fn too_many_files_are_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..=COUNT_LIMIT {
            std::fs::write(dir.path().join(i.to_string()), "").unwrap();
        }
        assert!(matches!(find(dir.path(), u64::MAX), Err(Stop::Failed(failed)) if failed.failure.code == FailureCode::LimitExceeded));
    }
}
