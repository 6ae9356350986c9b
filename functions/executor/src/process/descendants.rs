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
use nix::unistd::{Pid, getpid};

/// How long to wait for killed processes to disappear before looking again.
const PAUSE: Duration = Duration::from_millis(2);
/// Looks before giving up on processes that the kernel does not let go of.
const ROUNDS: u32 = 500;

/// Makes orphans below this process its children. Called once, when the program starts.
pub fn adopt() -> io::Result<()> {
    Ok(prctl::set_child_subreaper(true)?)
}

/// Ends every child of this process. The leader must have been waited for.
pub(super) async fn end() -> io::Result<()> {
    for _ in 0..ROUNDS {
        if !any()? {
            return Ok(());
        }
        for child in children()? {
            match kill(child, Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
            match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
                Ok(_) | Err(Errno::ECHILD) => {}
                Err(error) => return Err(error.into()),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(io::Error::other("processes of the engine could not be ended"))
}

/// Whether there is any child; cheap, and almost always the whole work.
fn any() -> io::Result<bool> {
    match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
        Ok(_) => Ok(true),
        Err(Errno::ECHILD) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn children() -> io::Result<Vec<Pid>> {
    let parent = getpid();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // Processes may end while they are looked at.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // "pid (name) state ppid …", where the name may hold anything: proc_pid_stat(5).
        let parent_of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).and_then(|ppid| ppid.parse().ok());
        if parent_of == Some(parent.as_raw()) {
            found.push(Pid::from_raw(pid));
        }
    }
    Ok(found)
}
