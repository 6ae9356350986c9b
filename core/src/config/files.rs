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

impl ConfigPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
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
                && !part.chars().any(|c| c.is_control() || matches!(c, '\\' | ':'));
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

impl fmt::Display for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_accepted() {
        for good in ["settings.toml", "src/ade_config/columns/first name.py", "data/名前.csv"] {
            assert!(good.parse::<ConfigPath>().is_ok(), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "c:\\x", "a\0b", ".git/config", "src/__pycache__/x.pyc"] {
            assert!(bad.parse::<ConfigPath>().is_err(), "{bad:?}");
        }
    }
}
