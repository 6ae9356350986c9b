//! Environments that stay on this machine to be used again, within a budget.
//!
//! Whoever makes or uses an environment holds a shared lock on a file named after its build, which the kernel drops with the process.
//! What nobody holds may be removed: first what killed processes left unfinished, then whole environments, longest unused first.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ade_core::build::Build;
use ade_core::settings::Settings;

use crate::files::remove_tree;

/// Beside the workspaces' directories.
const LOCKS: &str = ".locks";
/// What is unfinished for so long and locked by nobody was left by a killed process.
const ABANDONED: Duration = Duration::from_mins(10);

/// An environment that is made or used; it is not removed meanwhile.
#[derive(Debug)]
pub struct InUse {
    _lock: File,
}

impl InUse {
    /// Notes that the environment of a build is used from now on.
    pub fn begin(settings: &Settings, build: &Build) -> io::Result<Self> {
        let locks = settings.venvs_dir.join(LOCKS);
        std::fs::create_dir_all(&locks)?;
        let lock = File::options().create(true).append(true).open(locks.join(build.build_id.to_string()))?;
        lock.lock_shared()?;
        lock.set_modified(SystemTime::now())?;
        Ok(Self { _lock: lock })
    }
}

/// An environment's directory, `<venvs_dir>/<workspace_id>/<config_id>/<build_id>`.
#[derive(Debug)]
struct Cached {
    dir: PathBuf,
    lock: PathBuf,
    used: SystemTime,
    byte_size: u64,
}

/// Removes what killed processes left, and the environments that were not used for longest until the others fit into `budget` bytes.
/// What can't be removed is told, and does not keep the rest; others may trim at the same time.
pub fn trim(venvs_dir: &Path, budget: u64) {
    let told = |error: io::Error, dir: &Path| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(%error, dir = %dir.display(), "an environment that is not needed was not removed");
        }
    };
    let mut cached = Vec::new();
    let below = |dir: &Path| directories(dir).inspect_err(|error| tracing::warn!(%error, dir = %dir.display(), "not looked at"));
    for workspace in below(venvs_dir).unwrap_or_default() {
        for config in below(&workspace).unwrap_or_default() {
            for dir in below(&config).unwrap_or_default() {
                remove_abandoned(&dir, venvs_dir).unwrap_or_else(|error| told(error, &dir));
                match Cached::at(dir.clone(), venvs_dir) {
                    Ok(environment) => cached.push(environment),
                    Err(error) => told(error, &dir),
                }
            }
        }
    }
    cached.sort_by_key(|cached| std::cmp::Reverse(cached.used));
    let mut total = 0u64;
    for environment in cached {
        total = total.saturating_add(environment.byte_size);
        if total > budget {
            match environment.remove() {
                Ok(true) => total -= environment.byte_size,
                Ok(false) => {}
                Err(error) => told(error, &environment.dir),
            }
        }
    }
}

impl Cached {
    fn at(dir: PathBuf, venvs_dir: &Path) -> io::Result<Self> {
        let lock = lock_of(&dir, venvs_dir);
        let used = lock.metadata().or_else(|_| dir.metadata())?.modified()?;
        let byte_size = size(&dir)?;
        Ok(Self { dir, lock, used, byte_size })
    }

    /// Removes it unless it is used.
    fn remove(&self) -> io::Result<bool> {
        alone(&self.lock, || {
            tracing::info!(dir = %self.dir.display(), byte_size = self.byte_size, "removing an environment that was not used for long");
            remove_tree(&self.dir)
        })
    }
}

fn lock_of(dir: &Path, venvs_dir: &Path) -> PathBuf {
    venvs_dir.join(LOCKS).join(dir.file_name().unwrap_or_default())
}

/// Does something to an environment that nobody uses meanwhile; `false` when somebody does.
fn alone(lock: &Path, change: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
    if let Some(locks) = lock.parent() {
        std::fs::create_dir_all(locks)?;
    }
    let lock = File::options().create(true).append(true).open(lock)?;
    match lock.try_lock() {
        Ok(()) => change().map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes unfinished environments that nobody works on.
fn remove_abandoned(dir: &Path, venvs_dir: &Path) -> io::Result<()> {
    for unfinished in directories(dir)? {
        let name = unfinished.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let old = unfinished.metadata()?.modified()?.elapsed().is_ok_and(|age| age > ABANDONED);
        if name.starts_with(".venv.tmp-") && old {
            alone(&lock_of(dir, venvs_dir), || remove_tree(&unfinished))?;
        }
    }
    Ok(())
}

/// The directories in a directory, but for the locks. Those of others may go while they are looked at.
fn directories(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let own = [LOCKS, ".uv-cache"].iter().any(|name| entry.file_name() == *name);
        if !own && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn size(dir: &Path) -> io::Result<u64> {
    let (mut total, mut open) = (0, vec![dir.to_owned()]);
    while let Some(path) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&path) else { continue };
        for entry in entries {
            let entry = entry?;
            let Ok(metadata) = std::fs::symlink_metadata(entry.path()) else { continue };
            if metadata.is_dir() {
                open.push(entry.path());
            } else {
                total += metadata.len();
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn environment(venvs: &Path, build: &str, bytes: usize, age: Duration) -> PathBuf {
        let dir = venvs.join("ws/cfg").join(build);
        std::fs::create_dir_all(dir.join(".venv")).unwrap();
        std::fs::write(dir.join(".venv/file"), vec![0; bytes]).unwrap();
        std::fs::create_dir_all(venvs.join(LOCKS)).unwrap();
        File::create(venvs.join(LOCKS).join(build)).unwrap().set_modified(SystemTime::now() - age).unwrap();
        dir
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_what_is_used_stays() {
        let venvs = tempfile::tempdir().unwrap();
        let hours = |n| Duration::from_hours(n);
        let [old, held, young] = [("a", 3), ("b", 2), ("c", 1)].map(|(name, age)| environment(venvs.path(), name, 1000, hours(age)));
        trim(venvs.path(), 3000);
        assert!(old.exists() && held.exists() && young.exists());
        let lock = File::open(venvs.path().join(LOCKS).join("b")).unwrap();
        lock.lock_shared().unwrap();
        trim(venvs.path(), 1500);
        assert!(!old.exists() && held.exists() && young.exists(), "it is over the budget, but used");
        drop(lock);
        trim(venvs.path(), 1500);
        assert!(!held.exists() && young.exists());
    }

    #[test]
    fn what_killed_processes_left_is_removed() {
        let venvs = tempfile::tempdir().unwrap();
        let dir = environment(venvs.path(), "a", 10, Duration::ZERO);
        let [left, new] = [".venv.tmp-1", ".venv.tmp-2"].map(|name| dir.join(name));
        std::fs::create_dir(&left).unwrap();
        std::fs::create_dir(&new).unwrap();
        File::open(&left).unwrap().set_modified(SystemTime::now() - ABANDONED * 2).unwrap();
        trim(venvs.path(), u64::MAX);
        assert!(!left.exists() && new.exists() && dir.join(".venv").exists());
    }

    /// Something stands where the lock of one of them would be.
    #[test]
    fn what_can_not_be_removed_does_not_keep_the_rest() {
        let venvs = tempfile::tempdir().unwrap();
        let [stuck, old] = ["a", "b"].map(|name| environment(venvs.path(), name, 1000, Duration::from_hours(1)));
        std::fs::remove_file(venvs.path().join(LOCKS).join("a")).unwrap();
        std::fs::create_dir(venvs.path().join(LOCKS).join("a")).unwrap();
        trim(venvs.path(), 0);
        assert!(stuck.exists() && !old.exists());
    }
}
