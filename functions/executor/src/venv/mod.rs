//! Virtual environments of builds: where they are, what makes a directory one, and how they travel.
//!
//! A build's environment is a thin layer over the base environment: a `.pth` file names the base's packages, so the engine and
//! its dependencies exist once. What a build adds (packages of the config's own, the config's project tree) is packed into an
//! archive without anything of the machine it was made on; unpacking it adds what belongs to this machine.
//!
//! Environments appear under their final name by a rename, so whatever stands there is whole.

mod archive;
mod cache;
mod hydrate;

use std::io;
use std::path::{Path, PathBuf};

use ade_core::build::Build;
use ade_core::settings::Settings;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::base::Base;
use crate::files::remove_tree;

pub use archive::{pack, unpack};
pub use cache::{InUse, trim};
pub use hydrate::{HydrateError, hydrate, hydrate_alone};

/// Facts about an environment that travel with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Whether the base's packages are seen through it; otherwise it has the engine and its dependencies itself.
    pub overlay: bool,
    /// The base it was made on.
    pub base_digest: String,
    /// The engine in it.
    pub engine_version: String,
    /// Its Python.
    pub python_version: String,
}

/// An environment on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venv {
    dir: PathBuf,
}

/// Makes packages of the base importable, and standard output line by line: `-I` ignores `PYTHONUNBUFFERED`, and without this lines
/// arrive late and are lost in a crash. See the `site` module for the format.
const PTH: &str = "ade.pth";
const LINE_BUFFERING: &str = "import sys; sys.stdout.reconfigure(line_buffering=True)";
/// Lets process pools work without `/dev/shm`.
const PROCESSES: &str = "import _ade_processes";
const MODULES: [(&str, &str); 2] =
    [("_ade_processes.py", include_str!("python/_ade_processes.py")), ("_ade_semaphore.py", include_str!("python/_ade_semaphore.py"))];
const MANIFEST: &str = "ade-venv.json";

impl Venv {
    /// The environment in this directory.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the environment of a build is, whether it exists or not.
    pub fn of(settings: &Settings, build: &Build) -> Self {
        let home = settings.venvs_dir.join(build.workspace_id.to_string()).join(build.config_id.to_string());
        Self::at(home.join(build.build_id.to_string()).join(".venv"))
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A place beside it, to be made there and renamed.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::at(self.dir.with_file_name(format!(".venv.tmp-{}", Ulid::generate())))
    }

    /// Its interpreter.
    pub fn python(&self) -> PathBuf {
        self.dir.join("bin/python")
    }

    /// The config's project tree in it.
    pub fn config(&self) -> PathBuf {
        self.dir.join("config")
    }

    /// Its own packages.
    pub fn site_packages(&self, base: &Base) -> PathBuf {
        self.dir.join(base.library())
    }

    /// What is known about it; fails when it does not exist.
    pub fn manifest(&self) -> io::Result<Manifest> {
        Ok(serde_json::from_slice(&std::fs::read(self.dir.join(MANIFEST))?)?)
    }

    /// Writes what is known about it.
    pub fn write_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        write_if_different(&self.dir.join(MANIFEST), &serde_json::to_vec(manifest)?)
    }

    /// Makes a directory an environment of this machine's Python: everything that an archive does not hold. Harmless when it is one.
    pub fn settle(&self, base: &Base, overlay: bool) -> io::Result<()> {
        let (bin, packages) = (self.dir.join("bin"), self.site_packages(base));
        std::fs::create_dir_all(&bin)?;
        std::fs::create_dir_all(&packages)?;
        let home = base.python.parent().unwrap_or(Path::new("/")).display();
        let version = &base.info.python_version;
        let settings = format!("home = {home}\ninclude-system-site-packages = false\nversion = {version}\n");
        write_if_different(&self.dir.join("pyvenv.cfg"), settings.as_bytes())?;
        let shared = if overlay { format!("{}\n", base.site_packages().display()) } else { String::new() };
        // The config is named relative to the directory of the file, so that the environment can be renamed.
        let paths = format!("{shared}../../../config/src\n{LINE_BUFFERING}\n{PROCESSES}\n");
        for (name, source) in MODULES {
            write_if_different(&packages.join(name), source.as_bytes())?;
        }
        write_if_different(&packages.join(PTH), paths.as_bytes())?;
        let python = self.python();
        if std::fs::read_link(&python).ok().as_deref() != Some(&base.python) {
            let link = bin.join(format!(".python-{}", Ulid::generate()));
            std::os::unix::fs::symlink(&base.python, &link)?;
            std::fs::rename(link, python)?;
        }
        Ok(())
    }

    /// Gives this finished environment its final place; one that is there already stays, when both were made from the same build.
    pub fn move_to(self, place: &Self) -> io::Result<()> {
        match std::fs::rename(&self.dir, &place.dir) {
            Err(_) if place.manifest().is_ok() => remove_tree(&self.dir),
            renamed => renamed,
        }
    }
}

/// Replaces a file atomically, unless it has this content already: an environment may be in use.
fn write_if_different(path: &Path, content: &[u8]) -> io::Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let new = path.with_file_name(format!(".new-{}", Ulid::generate()));
    std::fs::write(&new, content)?;
    std::fs::rename(new, path)
}
