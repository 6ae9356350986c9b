//! Resource limits of a process, as the kernel enforces them.

use std::io;
use std::os::linux::fs::MetadataExt as _;

use ade_core::settings::Settings;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::geteuid;

/// Address space beyond the memory limit: polars reserves much more than it uses.
const ADDRESS_SPACE_SLACK: u64 = 4 << 30;

/// CPU time after the signal that it is used up, for a process that does not listen to it.
const CPU_SLACK_SECONDS: u64 = 2;

/// What other programs of the same user may start while this one runs. The kernel counts them too; what is really allowed is counted by
/// [`super::watch`], and this only slows down what multiplies faster than it looks.
const OTHERS: u64 = 4096;

/// What a process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: u64,
    /// Seconds of CPU time.
    pub cpu_seconds: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Bytes of all files together.
    pub written: u64,
    /// Open files.
    pub open_files: u64,
    /// Processes and threads.
    pub processes: u64,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            memory: settings.run_memory_limit.0,
            cpu_seconds: settings.run_cpu.0,
            file_size: settings.run_file_size_limit.0,
            written: settings.run_output_limit.0,
            open_files: settings.run_open_files.into(),
            processes: settings.run_processes.into(),
        }
    }
}

impl Limits {
    /// As the kernel wants them, soft and hard: never above what this process itself is allowed.
    pub(super) fn resources(&self) -> io::Result<Vec<(Resource, u64, u64)>> {
        let mut wanted = vec![
            (Resource::RLIMIT_DATA, self.memory),
            (Resource::RLIMIT_AS, self.memory.saturating_add(ADDRESS_SPACE_SLACK)),
            (Resource::RLIMIT_CPU, self.cpu_seconds),
            (Resource::RLIMIT_FSIZE, self.file_size),
            (Resource::RLIMIT_NOFILE, self.open_files),
            (Resource::RLIMIT_CORE, 0),
        ];
        if !geteuid().is_root() {
            wanted.push((Resource::RLIMIT_NPROC, tasks_of_user()?.saturating_add(self.processes).saturating_add(OTHERS)));
        }
        wanted
            .into_iter()
            .map(|(resource, limit)| {
                let (_, hard) = getrlimit(resource)?;
                // At the soft limit of CPU time a process is told by a signal of its own, at the hard one it is killed like any other.
                let slack = if resource == Resource::RLIMIT_CPU { CPU_SLACK_SECONDS } else { 0 };
                Ok((resource, limit.min(hard), limit.saturating_add(slack).min(hard)))
            })
            .collect()
    }
}

/// How many processes and threads the user of this process has: `RLIMIT_NPROC` counts them all.
fn tasks_of_user() -> io::Result<u64> {
    let user = geteuid().as_raw();
    let mut tasks = 0;
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        // A directory has two links and one more per directory in it. Processes may end while they are counted.
        if let Ok(directory) = std::fs::metadata(entry.path().join("task"))
            && directory.st_uid() == user
        {
            tasks += directory.st_nlink().saturating_sub(2);
        }
    }
    Ok(tasks)
}
