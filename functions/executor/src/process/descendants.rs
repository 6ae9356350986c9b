//! No process outlives the one that started it.
//!
//! A process may leave its group by starting a session of its own. This process is a *child subreaper*: whatever loses its parent
//! below it becomes its child, so after the leader has ended everything that is left can be found, killed and reaped here. It
//! relies on this process working on one run or build at a time, as a Lambda function does: every child that is left is a stray.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{Pid, SysconfVar, getpid, sysconf};

/// How long to wait for killed processes to disappear before looking again.
const PAUSE: Duration = Duration::from_millis(2);
/// How often a growing crowd is frozen before it is killed.
const FREEZES: u32 = 20;
/// Looks before giving up on processes that the kernel does not let go of.
const ROUNDS: u32 = 500;

/// Makes orphans below this process its children, and keeps its memory, environment and files from them. Called once, when the program
/// starts.
pub fn adopt() -> io::Result<()> {
    prctl::set_dumpable(false)?;
    Ok(prctl::set_child_subreaper(true)?)
}

/// A process below this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descendant {
    pub(super) pid: Pid,
    parent: Pid,
    /// Its threads.
    pub(super) threads: u64,
    /// Memory it has in use, in bytes.
    pub(super) resident: u64,
    /// CPU time that it and its ended children have used.
    pub(super) cpu: Duration,
}

/// Ends everything below this process. The leader must have been waited for.
pub async fn end() -> io::Result<()> {
    for _ in 0..ROUNDS {
        if !any()? {
            return Ok(());
        }
        kill_all()?;
        for process in tree()?.iter().filter(|process| process.parent == getpid()) {
            match waitpid(process.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(_) | Err(Errno::ECHILD) => {}
                Err(error) => return Err(error.into()),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(io::Error::other("processes of the engine could not be ended"))
}

/// Kills everything below this process. What multiplies faster than it can be killed is frozen first.
pub(super) fn kill_all() -> io::Result<()> {
    let (mut seen, mut found) = (0, tree()?);
    for _ in 0..FREEZES {
        if found.len() <= seen.max(1) {
            break;
        }
        seen = found.len();
        found.iter().try_for_each(|process| signal(process.pid, Signal::SIGSTOP))?;
        found = tree()?;
    }
    found.iter().try_for_each(|process| signal(process.pid, Signal::SIGKILL))
}

fn signal(pid: Pid, signal: Signal) -> io::Result<()> {
    match kill(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is any child; cheap, and almost always the whole work.
fn any() -> io::Result<bool> {
    match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
        Ok(_) => Ok(true),
        Err(Errno::ECHILD) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Every process below this one: orphans among them are its children, because it has adopted them.
pub(super) fn tree() -> io::Result<Vec<Descendant>> {
    let mut others = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        // Processes may end while they are looked at.
        others.extend(entry?.file_name().to_str().and_then(|name| name.parse().ok()).and_then(look_at));
    }
    let mut found: Vec<Descendant> = Vec::new();
    let mut parents = vec![getpid()];
    while let Some(parent) = parents.pop() {
        let (children, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(|process| process.parent == parent);
        parents.extend(children.iter().map(|child| child.pid));
        found.extend(children);
        others = rest;
    }
    Ok(found)
}

/// Reads `/proc/<pid>/stat`: "pid (name) state ppid …", where the name may hold anything ([proc_pid_stat(5)][stat]).
///
/// [stat]: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
fn look_at(pid: i32) -> Option<Descendant> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let field = |number: usize| rest.split(' ').nth(number - 3)?.parse::<u64>().ok();
    let ticks: u64 = (14..=17).filter_map(field).sum();
    Some(Descendant {
        pid: Pid::from_raw(pid),
        parent: Pid::from_raw(i32::try_from(field(4)?).ok()?),
        threads: field(20)?,
        resident: field(24)? * constant(SysconfVar::PAGE_SIZE, 4096),
        cpu: Duration::from_millis(ticks * 1000 / constant(SysconfVar::CLK_TCK, 100)),
    })
}

/// A constant of this machine, which Linux always knows.
fn constant(name: SysconfVar, usual: u64) -> u64 {
    sysconf(name).ok().flatten().and_then(|value| value.try_into().ok()).filter(|value| *value > 0).unwrap_or(usual)
}
