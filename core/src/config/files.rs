//! Paths of a config's files.

use std::fmt;
use std::str::FromStr;

/// A relative path of a config's file: `/`-separated, nothing hidden in it. Safe as a part of an object key, in an archive and on disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigPath(String);

/// Why a text is not the path of a config's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// It is empty or too long.
    #[error("a path has 1 to 400 bytes")]
    Length,
    /// A part of it is not allowed.
    #[error("each part of a path is a plain name: not empty, not `.` or `..`, at most 120 bytes, without control characters, `\\` or `:`")]
    Part,
    /// It is in a place that tools write to.
    #[error("`__pycache__`, `.git` and `.venv` can't be part of a config")]
    Reserved,
}

/// Most bytes of a file that people write: rules, settings, prose.
const CODE_LIMIT: u64 = 512 << 10;
/// Most bytes of any other file.
const ASSET_LIMIT: u64 = 4 << 20;

impl ConfigPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Most bytes that a file with this name may have: 512 KiB of code, 4 MiB of anything else.
    pub fn size_limit(&self) -> u64 {
        let extension = self.0.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_code = ["py", "pyi", "toml", "cfg", "ini", "md"].iter().any(|code| extension.eq_ignore_ascii_case(code));
        if is_code { CODE_LIMIT } else { ASSET_LIMIT }
    }

    /// The directories that it is in, as paths.
    pub fn directories(&self) -> impl Iterator<Item = Self> {
        self.0.match_indices('/').map(|(end, _)| Self(self.0[..end].to_owned()))
    }

    /// Whether one of two paths would have to be a directory for the other to be below it.
    pub fn collides_with(&self, other: &Self) -> bool {
        let below = |path: &Self, directory: &Self| path.0.strip_prefix(&directory.0).is_some_and(|rest| rest.starts_with('/'));
        below(self, other) || below(other, self)
    }
}

impl FromStr for ConfigPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        if text.is_empty() || text.len() > 400 {
            return Err(InvalidPath::Length);
        }
        for part in text.split('/') {
            let plain = !part.is_empty()
                && part != "."
                && part != ".."
                && part.len() <= 120
                && !part.chars().any(|c| c.is_control() || is_noncharacter(c) || matches!(c, '\\' | ':'));
            if !plain {
                return Err(InvalidPath::Part);
            }
            if matches!(part, "__pycache__" | ".git" | ".venv") {
                return Err(InvalidPath::Reserved);
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// Code points that are never characters (Unicode, section 23.7). Names with some of them can't be said in XML, in which S3 lists objects.
fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{FDD0}'..='\u{FDEF}') || u32::from(c) & 0xFFFE == 0xFFFE
}

impl fmt::Display for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_accepted() {
        for good in ["settings.toml", "src/ade_config/columns/first name.py", "data/名前.csv"] {
            assert!(good.parse::<ConfigPath>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "c:\\x",
            "a\0b",
            "a\u{FFFF}.py",
            "\u{1FFFE}",
            "\u{FDD0}/b",
            ".git/config",
            "src/__pycache__/x.pyc",
        ] {
            assert!(bad.parse::<ConfigPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_is_not_a_directory_too() {
        let path = |text: &str| text.parse::<ConfigPath>().unwrap();
        assert!(path("a").collides_with(&path("a/b")) && path("a/b/c").collides_with(&path("a/b")));
        assert!(!path("a").collides_with(&path("ab")) && !path("a/b").collides_with(&path("a/c")) && !path("a").collides_with(&path("a")));
        assert_eq!((path("src/x.PY").size_limit(), path("data.csv").size_limit()), (CODE_LIMIT, ASSET_LIMIT));
    }
}
