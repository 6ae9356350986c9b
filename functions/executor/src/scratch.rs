//! Directories for a time.
//!
//! Whoever works in one holds a lock on a file in it, which the kernel drops with the process. So what a killed process left can be
//! told from what is in use, and is removed by the next executor that starts.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ade_core::id::RunId;

use crate::files::remove_tree;

const LOCK: &str = ".lock";
/// A directory without a lock may be one that is just being made.
const YOUNG: Duration = Duration::from_mins(1);

/// The directory of one attempt at a run, `<runs_dir>/<run_id>/<fence>`, removed with everything in it when dropped.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes the directory of an attempt.
    pub fn of_run(runs_dir: &Path, run: RunId, fence: u32) -> io::Result<Self> {
        let dir = runs_dir.join(run.to_string()).join(fence.to_string());
        for part in ["input", "output", "logs", "home"] {
            std::fs::create_dir_all(dir.join(part))?;
        }
        let lock = File::create(dir.join(LOCK))?;
        lock.lock()?;
        Ok(Self { dir, _lock: lock })
    }

    /// Documents.
    pub fn input(&self) -> PathBuf {
        self.dir.join("input")
    }

    /// What the engine produces.
    pub fn output(&self) -> PathBuf {
        self.dir.join("output")
    }

    /// What the engine says about it.
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// The engine's home, working and temporary directory.
    pub fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    /// A file of our own, beside what the engine knows.
    pub fn own(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.dir) {
            tracing::error!(%error, dir = %self.dir.display(), "scratch directory not removed");
        }
    }
}

/// Removes what processes left that were killed. What can't be removed does not keep the rest.
pub fn sweep(runs_dir: &Path) -> io::Result<()> {
    for run in std::fs::read_dir(runs_dir)? {
        let run = run?.path();
        // Others may remove them meanwhile.
        for attempt in std::fs::read_dir(&run).into_iter().flatten().flatten() {
            let attempt = attempt.path();
            if let Err(error) = sweep_attempt(&attempt) {
                tracing::warn!(%error, dir = %attempt.display(), "what a killed process left was not removed");
            }
        }
    }
    Ok(())
}

fn sweep_attempt(attempt: &Path) -> io::Result<()> {
    if !left_behind(attempt)? {
        return Ok(());
    }
    tracing::info!(dir = %attempt.display(), "removing what a killed process left");
    remove(attempt)
}

fn left_behind(attempt: &Path) -> io::Result<bool> {
    let age = |path: &Path| Ok::<_, io::Error>(path.metadata()?.modified()?.elapsed().unwrap_or_default());
    match File::open(attempt.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => Ok(age(attempt)? > YOUNG),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => match age(attempt) {
            // Removed meanwhile by its owner.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            age => Ok(age? > YOUNG),
        },
        Err(error) => Err(error),
    }
}

/// Removes an attempt's directory, and the run's with its last attempt.
fn remove(attempt: &Path) -> io::Result<()> {
    remove_tree(attempt)?;
    match attempt.parent().map(std::fs::remove_dir) {
        Some(Err(error)) if ![io::ErrorKind::NotFound, io::ErrorKind::DirectoryNotEmpty].contains(&error.kind()) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_nobody_works_in_is_swept() {
        let runs = tempfile::tempdir().unwrap();
        let (lost, used) = (RunId::generate(), RunId::generate());
        let scratch = Scratch::of_run(runs.path(), used, 1).unwrap();
        let left = runs.path().join(lost.to_string());
        std::fs::create_dir_all(left.join("1/output")).unwrap();
        std::fs::write(left.join("1").join(LOCK), "").unwrap();
        sweep(runs.path()).unwrap();
        assert!(left.exists(), "it may be just being made");
        let old = std::time::SystemTime::now() - 2 * YOUNG;
        for dir in [left.join("1"), scratch.dir.clone()] {
            File::open(dir).unwrap().set_modified(old).unwrap();
        }
        sweep(runs.path()).unwrap();
        assert!(!left.exists());
        assert!(scratch.output().exists());
        drop(scratch);
        assert_eq!(std::fs::read_dir(runs.path()).unwrap().count(), 0);
    }
}
