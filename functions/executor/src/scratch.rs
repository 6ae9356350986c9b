//! Directories for a time.

use std::io;
use std::path::{Path, PathBuf};

use ade_core::id::RunId;

/// The directory of one attempt at a run, `<runs_dir>/<run_id>/<fence>`, removed with everything in it when dropped.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// Makes the directory of an attempt, empty: an earlier process with this claim can't have left anything that counts.
    pub fn of_run(runs_dir: &Path, run: RunId, fence: u32) -> io::Result<Self> {
        let scratch = Self { dir: runs_dir.join(run.to_string()).join(fence.to_string()) };
        for part in ["input", "output", "logs", "home"] {
            std::fs::create_dir_all(scratch.dir.join(part))?;
        }
        Ok(scratch)
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
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            tracing::error!(%error, dir = %self.dir.display(), "scratch directory not removed");
        }
        // The run's directory goes with its last attempt; it stays when another one is in it.
        if let Some(run) = self.dir.parent()
            && let Err(error) = std::fs::remove_dir(run)
            && error.kind() != io::ErrorKind::DirectoryNotEmpty
        {
            tracing::error!(%error, dir = %run.display(), "scratch directory not removed");
        }
    }
}
