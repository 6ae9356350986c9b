//! What is different between two states of a config.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use similar::TextDiff;
use utoipa::ToSchema;

use super::files::ConfigPath;
use super::snapshot::FileSet;

/// Longest text that is compared line by line, in bytes.
const TEXT_LIMIT: usize = 512 << 10;
/// Most bytes of patches, together.
const PATCH_LIMIT: usize = 1 << 20;
/// How long the shortest difference of two files is looked for; after that a longer one will do.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long all files are compared: gateways wait 29 seconds for an answer.
const ALL_PATIENCE: Duration = Duration::from_secs(10);

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has other content.
    Modified,
}

/// A file that is not the same in two states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path.
    pub path: ConfigPath,
    /// What happened to it.
    pub status: FileStatus,
    /// Its size before, in bytes.
    pub from_byte_size: Option<u64>,
    /// Its size afterwards, in bytes.
    pub to_byte_size: Option<u64>,
    /// The difference in unified format; `None` when it is not text, too long, or comes after a mebibyte of patches or ten seconds of comparing.
    pub patch: Option<String>,
}

/// Which files are different, by path.
pub fn diff(from: &FileSet, to: &FileSet) -> Vec<FileChange> {
    let gone = from.iter().filter(|(path, _)| !to.contains_key(*path)).map(|(path, content)| (path, Some(content), None));
    let rest = to.iter().map(|(path, content)| (path, from.get(path), Some(content)));
    let mut different: Vec<_> = gone.chain(rest).filter(|(_, before, after)| before != after).collect();
    different.sort_by_key(|(path, ..)| *path);
    let (mut room, deadline) = (PATCH_LIMIT, Instant::now() + ALL_PATIENCE);
    different
        .into_iter()
        .map(|(path, before, after)| {
            let has_room = room > 0 && Instant::now() < deadline;
            let patch = has_room.then(|| patch(path, before, after)).flatten().filter(|patch| patch.len() <= room);
            room -= patch.as_ref().map_or(0, String::len);
            let status = match (before, after) {
                (None, _) => FileStatus::Added,
                (_, None) => FileStatus::Removed,
                _ => FileStatus::Modified,
            };
            let size = |content: &Bytes| content.len() as u64;
            FileChange { path: path.clone(), status, from_byte_size: before.map(size), to_byte_size: after.map(size), patch }
        })
        .collect()
}

fn patch(path: &ConfigPath, before: Option<&Bytes>, after: Option<&Bytes>) -> Option<String> {
    let text = |content: Option<&Bytes>| match content {
        None => Some(String::new()),
        Some(content) if content.len() <= TEXT_LIMIT && !content.contains(&0) => String::from_utf8(content.to_vec()).ok(),
        Some(_) => None,
    };
    let (before_text, after_text) = (text(before)?, text(after)?);
    let name = |side: &str, content: Option<&Bytes>| content.map_or_else(|| "/dev/null".to_owned(), |_| format!("{side}/{path}"));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&before_text, &after_text);
    Some(diff.unified_diff().header(&name("a", before), &name("b", after)).to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::FileStatus::{Added, Modified, Removed};
    use super::*;

    fn files(files: &[(&str, &[u8])]) -> FileSet {
        files.iter().map(|(path, content)| (path.parse().unwrap(), Bytes::copy_from_slice(content))).collect()
    }

    #[test]
    fn only_what_is_different_is_told() {
        let from = files(&[("a.py", b"one\ntwo\n"), ("b.py", b"same\n"), ("c.bin", b"\0\x01"), ("gone.py", b"x\n")]);
        let to = files(&[("a.py", b"one\nthree\n"), ("b.py", b"same\n"), ("c.bin", b"\0\x02"), ("new.py", b"y\n")]);
        let changes = diff(&from, &to);
        let told: Vec<_> = changes.iter().map(|change| (change.path.as_str(), change.status, change.patch.is_some())).collect();
        assert_eq!(told, [("a.py", Modified, true), ("c.bin", Modified, false), ("gone.py", Removed, true), ("new.py", Added, true)]);
        assert_eq!(changes[0].patch.as_deref(), Some("--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"));
        assert!(changes[2].patch.as_ref().unwrap().starts_with("--- a/gone.py\n+++ /dev/null\n"));
        assert!(diff(&from, &from).is_empty());
    }

    #[test]
    fn patches_are_bounded() {
        let large: Vec<u8> = b"line\n".repeat(TEXT_LIMIT / 5);
        let paths: Vec<String> = (0..5).map(|number| format!("{number}.txt")).collect();
        let to = files(&paths.iter().map(|path| (path.as_str(), large.as_slice())).collect::<Vec<_>>());
        let changes = diff(&FileSet::new(), &to);
        let patches: usize = changes.iter().filter_map(|change| change.patch.as_ref()).map(String::len).sum();
        assert!(changes.len() == 5 && patches > 0 && patches <= PATCH_LIMIT, "{patches}");
    }
}
