//! A directory on this machine that holds the files of a config.
//!
//! Beside them is a small file, [`LINK`], that says which config they belong to and in which state each file was when the directory
//! and the config's draft last agreed on it. That is what tells a file that was changed here from one that was changed there.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ade_core::config::{ConfigPath, FILE_LIMIT, FileSet};
use ade_core::id::{ConfigId, WorkspaceId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cli::CliError;

/// Name of the file that links a directory to a config.
pub(super) const LINK: &str = ".ade-config.json";

/// Which config a directory belongs to, and what the two last agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    /// The config's workspace.
    pub(super) workspace_id: WorkspaceId,
    /// The config.
    pub(super) config_id: ConfigId,
    /// The files that were the same on both sides, by path.
    #[serde(default)]
    pub(super) files: BTreeMap<String, Known>,
}

/// A state of a file that both sides had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// The draft's entity tag for it.
    pub(super) etag: String,
    /// SHA-256 of its bytes in hexadecimal.
    pub(super) sha256: String,
}

impl Known {
    /// A state, told by the draft's entity tag and the content.
    pub(super) fn new(etag: String, content: &[u8]) -> Self {
        Self { etag, sha256: sha256(content) }
    }

    /// Whether this is what the content is.
    pub(super) fn is(&self, content: &[u8]) -> bool {
        self.sha256 == sha256(content)
    }
}

fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// The directory.
#[derive(Debug, Clone)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// This directory, which need not be there yet.
    pub(super) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The nearest directory that is linked to a config: this one, or one above it.
    pub(super) fn nearest(start: &Path) -> Option<Self> {
        start.ancestors().map(Self::at).find(Self::is_linked)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it says which config it belongs to.
    pub(super) fn is_linked(&self) -> bool {
        self.0.join(LINK).is_file()
    }

    /// What links it to a config; `None` when nothing does.
    pub(super) fn link(&self) -> Result<Option<Link>, CliError> {
        let path = self.0.join(LINK);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(unusable("read", &path, &error)),
        };
        let link = serde_json::from_slice(&text).map_err(|error| {
            CliError::failed(format!("{} cannot be understood: {error}", path.display()))
                .hint("remove it, and name the config with --config the next time")
        })?;
        Ok(Some(link))
    }

    /// Remembers which config it belongs to.
    pub(super) fn save(&self, link: &Link) -> Result<(), CliError> {
        let path = self.0.join(LINK);
        let text = serde_json::to_vec_pretty(link).map_err(|error| unusable("write", &path, &error))?;
        replace(&path, &text)
    }

    /// Its files. What tools leave behind is none of the config, nor are hidden files, unless the config has them.
    pub(super) fn files(&self, has: impl Fn(&str) -> bool) -> Result<FileSet, CliError> {
        let mut files = FileSet::new();
        self.collect("", &has, &mut files)?;
        Ok(files)
    }

    fn collect(&self, below: &str, has: &impl Fn(&str) -> bool, files: &mut FileSet) -> Result<(), CliError> {
        let folder = self.0.join(below);
        let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for entry in entries.map_err(|error| unusable("read", &folder, &error))? {
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| {
                CliError::usage(format!("{} has a name that is not Unicode", entry.path().display())).hint("rename or remove it")
            })?;
            let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            let kind = entry.file_type().map_err(|error| unusable("read", &entry.path(), &error))?;
            if name == LINK && below.is_empty() || is_left_behind(name) || is_hidden(&path) && !kind.is_dir() && !has(&path) {
                continue;
            }
            if kind.is_dir() {
                self.collect(&path, has, files)?;
                continue;
            }
            if !kind.is_file() {
                return Err(CliError::usage(format!("{} is not a plain file", entry.path().display()))
                    .hint("a config holds plain files: replace a symbolic link by what it leads to"));
            }
            let content = std::fs::read(entry.path()).map_err(|error| unusable("read", &entry.path(), &error))?;
            let path: ConfigPath = path.parse().map_err(|error| {
                CliError::usage(format!("{} can't be part of a config: {error}", entry.path().display())).hint("rename or remove it")
            })?;
            if content.len() as u64 > path.size_limit() {
                return Err(CliError::usage(format!("{} has more than {} KiB", entry.path().display(), path.size_limit() >> 10))
                    .hint("keep large data elsewhere: code has at most 512 KiB, any other file 4 MiB"));
            }
            files.insert(path, Bytes::from(content));
            if files.len() > FILE_LIMIT {
                return Err(CliError::usage(format!("{} has more than {FILE_LIMIT} files", self.0.display()))
                    .hint("name the directory of the config itself, the one with its pyproject.toml"));
            }
        }
        Ok(())
    }

    /// Writes a file, whole or not at all.
    pub(super) fn write(&self, path: &ConfigPath, content: &[u8]) -> Result<(), CliError> {
        let path = self.0.join(path.as_str());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| unusable("create", parent, &error))?;
        }
        replace(&path, content)
    }

    /// Removes a file, and the directories that are empty then.
    pub(super) fn remove(&self, path: &ConfigPath) -> Result<(), CliError> {
        let file = self.0.join(path.as_str());
        match std::fs::remove_file(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unusable("remove", &file, &error)),
        }
        for directory in file.ancestors().skip(1).take_while(|directory| *directory != self.0) {
            // It is not empty, which is how this ends.
            if std::fs::remove_dir(directory).is_err() {
                break;
            }
        }
        Ok(())
    }
}

fn is_left_behind(name: &str) -> bool {
    let has_end = |end: &str| Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case(end));
    matches!(name, "__pycache__" | ".git" | ".venv" | ".ade") || has_end("pyc") || has_end("egg-info")
}

fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.'))
}

fn replace(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let partial = path.with_added_extension("part");
    let written = std::fs::write(&partial, content).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|error| unusable("write", path, &error))
}

fn unusable(action: &str, path: &Path, error: &dyn std::error::Error) -> CliError {
    CliError::failed(format!("cannot {action} {}: {error}", path.display()))
        .hint("check that the place exists, has room and may be used by you")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_tools_leave_behind_is_no_part_of_a_config() {
        let top = tempfile::tempdir().unwrap();
        let directory = Directory::at(top.path());
        let all = ["a.py", "src/b.py", ".gitignore", ".idea/x", "src/__pycache__/b.pyc", ".git/config", "ade.egg-info/x", LINK];
        for path in all {
            std::fs::create_dir_all(top.path().join(path).parent().unwrap()).unwrap();
            std::fs::write(top.path().join(path), path).unwrap();
        }
        let names = |files: &FileSet| files.keys().map(|path| path.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&directory.files(|_| false).unwrap()), ["a.py", "src/b.py"]);
        assert_eq!(names(&directory.files(|path| path == ".gitignore").unwrap()), [".gitignore", "a.py", "src/b.py"]);
        directory.remove(&"src/b.py".parse().unwrap()).unwrap();
        assert!(top.path().join("src/__pycache__").exists(), "only empty directories go");
        std::os::unix::fs::symlink("/etc/passwd", top.path().join("link.txt")).unwrap();
        assert!(directory.files(|_| false).unwrap_err().to_string().contains("link.txt is not a plain file"));
    }

    #[test]
    fn a_link_is_found_from_below() {
        let top = tempfile::tempdir().unwrap();
        let directory = Directory::at(top.path());
        assert_eq!(directory.link().unwrap(), None);
        let known = Known::new("\"1\"".to_owned(), b"x");
        let link = Link {
            workspace_id: WorkspaceId::generate(),
            config_id: ConfigId::generate(),
            files: BTreeMap::from([("a.py".to_owned(), known)]),
        };
        directory.save(&link).unwrap();
        let deep = top.path().join("src/ade_config");
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(Directory::nearest(&deep).unwrap().link().unwrap(), Some(link));
        std::fs::write(top.path().join(LINK), "{}").unwrap();
        assert!(directory.link().unwrap_err().to_string().contains("hint: remove it"));
    }
}
