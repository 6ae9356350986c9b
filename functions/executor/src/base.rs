//! The base environment: a read-only virtual environment with the engine and its dependencies, that builds are layered over.
//!
//! `base/make-base` makes it. Beside the environment it holds `base.in` (what the engine requires), `base.lock` (exactly what is
//! installed) and `base.json` (its identity).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::requirements::{normalized, pinned};

/// The base environment of this machine.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its directory.
    pub dir: PathBuf,
    /// Its identity.
    pub info: BaseInfo,
    /// The interpreter behind its links.
    pub python: PathBuf,
    /// The versions in it, by normalised name of package.
    pub locked: BTreeMap<String, String>,
}

/// `base.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BaseInfo {
    /// SHA-256 over how it is made, the lock, the engine's wheel, the Python version and the platform.
    pub digest: String,
    /// The engine in it.
    pub engine_version: String,
    /// Its Python, e.g. `3.11.7`.
    pub python_version: String,
    /// What it was made for, e.g. `linux-x86_64`.
    pub platform: String,
}

impl Base {
    /// Reads the base environment in `dir`.
    pub fn open(dir: &Path) -> Result<Self, String> {
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).map_err(|error| format!("{name} can't be read: {error}"));
        let info: BaseInfo = serde_json::from_str(&read("base.json")?).map_err(|error| format!("base.json is not readable: {error}"))?;
        let locked = read("base.lock")?.lines().filter_map(pinned).collect();
        let python = std::fs::canonicalize(dir.join("bin/python")).map_err(|error| format!("bin/python can't be found: {error}"))?;
        Ok(Self { dir: dir.to_owned(), info, python, locked })
    }

    /// The directory of its packages.
    pub fn site_packages(&self) -> PathBuf {
        self.dir.join(self.library())
    }

    /// Where packages are in an environment of this Python, relative to it.
    pub fn library(&self) -> PathBuf {
        let minor: Vec<&str> = self.info.python_version.splitn(3, '.').take(2).collect();
        PathBuf::from(format!("lib/python{}/site-packages", minor.join(".")))
    }

    /// Whether a package is in it.
    pub fn has(&self, package: &str) -> bool {
        self.locked.contains_key(&normalized(package))
    }
}
