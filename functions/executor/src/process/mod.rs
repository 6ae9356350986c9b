//! Processes that execute what users wrote, and tools: started in a clean environment, limited, and ended for certain.
//!
//! Nothing of this process's environment reaches them but what is named. Each is the leader of its own session and process group,
//! dies with the thread that started it (so the program runs on one thread that lives as long as it), and can't gain privileges.
//! When the leader has ended, by itself or because it was stopped, everything that it left running is ended too.

mod descendants;
mod limits;
mod spawn;
mod watch;
mod written;

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, ChildStdout};

use crate::halt::{Halt, Halts};
use crate::sandbox::Confinement;

pub use descendants::{adopt, end as end_descendants};
pub use limits::Limits;
pub(crate) use spawn::confine;
pub use watch::Excess;
use watch::watch;

/// `oom_score_adj` of what users wrote: when memory runs out the kernel ends it first.
const FIRST_TO_DIE: &str = "1000";
/// How long a process that was asked to end may take.
const GRACE: Duration = Duration::from_secs(3);
/// What a pipe may hold: output goes on while a segment is written. The kernel's default maximum for users.
const PIPE_BYTES: i32 = 1 << 20;
/// Where programs are looked for by what runs inside.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program to start.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file; also what it sees as its own name.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its environment besides the few variables that every program gets.
    pub environment: Vec<(OsString, OsString)>,
    /// Its home, working and temporary directory.
    pub home: PathBuf,
    /// What it may use.
    pub limits: Limits,
    /// What it may reach; everything when there is no confinement. What users wrote is always confined.
    pub confinement: Option<Confinement>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// How a process ended, and what it had been stopped for, if it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub exit: Exit,
    /// Why it was stopped.
    pub halted: Option<Halt>,
    /// What it and its children used too much of.
    pub excess: Option<Excess>,
}

/// A started process. Its group is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
    limits: Limits,
    /// Where it may write.
    places: Vec<PathBuf>,
}

impl Program {
    /// Starts the program and hands out its output streams.
    pub fn start(&self) -> io::Result<(Process, ChildStdout, ChildStderr)> {
        let mut command = std::process::Command::new(&self.file);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("LANG", "C.UTF-8")
            .env("HOME", &self.home)
            .env("TMPDIR", &self.home)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let sandbox = self.confinement.as_ref().map(Confinement::prepare).transpose()?;
        confine(&mut command, self.limits.resources()?, sandbox);
        let mut child = tokio::process::Command::from(command).spawn()?;
        let missing = || io::Error::other("the process was started without pipes");
        let group = Pid::from_raw(child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(missing)?);
        let (stdout, stderr) = (child.stdout.take().ok_or_else(missing)?, child.stderr.take().ok_or_else(missing)?);
        widen(&stdout);
        widen(&stderr);
        if let Err(error) = std::fs::write(format!("/proc/{group}/oom_score_adj"), FIRST_TO_DIE) {
            tracing::debug!(%error, "the process may have ended already");
        }
        let places = self.confinement.as_ref().map_or_else(|| vec![self.home.clone()], |confinement| confinement.reach.write.clone());
        Ok((Process { child, group, limits: self.limits, places }, stdout, stderr))
    }
}

impl Process {
    /// Waits for the end of the process, or ends it when there is reason to; then ends everything that it left running.
    pub async fn supervise(mut self, halts: &mut Halts) -> io::Result<Ended> {
        let ended = tokio::select! {
            status = self.child.wait() => Ended { exit: exit(status?), halted: None, excess: None },
            halt = halts.next() => Ended { exit: self.stop().await?, halted: Some(halt), excess: None },
            excess = watch(self.limits, &self.places) => Ended { exit: self.kill().await?, halted: None, excess: Some(excess?) },
        };
        self.signal(Signal::SIGKILL)?;
        descendants::end().await?;
        Ok(ended)
    }

    /// Ends everything at once: who uses too much gets no time to use more.
    async fn kill(&mut self) -> io::Result<Exit> {
        descendants::kill_all()?;
        Ok(exit(self.child.wait().await?))
    }

    async fn stop(&mut self) -> io::Result<Exit> {
        self.signal(Signal::SIGTERM)?;
        if let Ok(status) = tokio::time::timeout(GRACE, self.child.wait()).await {
            return Ok(exit(status?));
        }
        self.signal(Signal::SIGKILL)?;
        Ok(exit(self.child.wait().await?))
    }

    /// Signals the group, which may be empty already.
    fn signal(&self, signal: Signal) -> io::Result<()> {
        match killpg(self.group, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Dropped without `supervise` only when the work itself was dropped; nobody is left to tell about a failure.
        drop(self.signal(Signal::SIGKILL));
    }
}

fn exit(status: std::process::ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// A wider pipe saves wake-ups; the default works too, so a kernel that refuses is fine.
fn widen(pipe: &impl AsFd) {
    if let Err(error) = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES)) {
        tracing::debug!(%error, "pipe not widened");
    }
}
