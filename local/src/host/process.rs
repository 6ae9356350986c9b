//! Child processes that cannot outlive the host.
//!
//! A child is killed by the kernel when its parent dies (`PR_SET_PDEATHSIG`). "Parent" means the *thread* that forked
//! it, and an async runtime ends worker threads when it likes, so all children are forked by one thread that lives as
//! long as the host. Each child leads its own process group: a terminal's Ctrl-C reaches the host only, which then
//! stops its children in order, and a stop reaches whatever a child has started in its group.

use std::{io, process::ExitStatus, thread, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

/// The thread that forks. Dropping the last handle to it ends the thread, and with it every child still alive.
pub(super) struct Spawner {
    requests: std::sync::mpsc::Sender<SpawnRequest>,
}

struct SpawnRequest {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread. Must be called inside a tokio runtime, which will watch the children.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Handle::current();
        let (requests, inbox) = std::sync::mpsc::channel::<SpawnRequest>();
        thread::Builder::new().name("ade-spawner".to_owned()).spawn(move || {
            let _context = runtime.enter();
            for SpawnRequest { mut command, reply } in inbox {
                // A caller that gave up drops the child, which kills it (`kill_on_drop`).
                let _ = reply.send(command.spawn());
            }
        })?;
        Ok(Self { requests })
    }

    /// Starts `command` in its own process group, bound to the life of the host.
    pub(super) async fn spawn(&self, mut command: Command) -> io::Result<Process> {
        command.process_group(0).kill_on_drop(true);
        die_with_host(&mut command);
        let (reply, spawned) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts processes is gone");
        self.requests.send(SpawnRequest { command, reply }).map_err(|_| gone())?;
        let child = spawned.await.map_err(|_| gone())??;
        let pid = child.id().ok_or_else(|| io::Error::other("the process ended before it was seen"))?;
        Ok(Process { child, group: Pid::from_raw(pid.cast_signed()) })
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the parent-death signal can only be asked for between fork and exec")]
fn die_with_host(command: &mut Command) {
    let host = nix::unistd::getpid();
    let prepare = move || {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The host may have died before the line above.
        if nix::unistd::getppid() == host { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed: two system calls, no allocation, no locks.
    unsafe { command.pre_exec(prepare) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_host(_command: &mut Command) {}

/// A running child and its process group.
pub(super) struct Process {
    child: Child,
    group: Pid,
}

impl Process {
    pub(super) fn pid(&self) -> i32 {
        self.group.as_raw()
    }

    /// Waits until the child has ended and was reaped. May be dropped and called again.
    pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // What the child has left behind in its group. A group without members is what we want to see.
        let _ = killpg(self.group, Signal::SIGKILL);
        Ok(status)
    }

    /// SIGTERM, then SIGKILL for what is left after `grace`. Returns when the child was reaped.
    pub(super) async fn stop(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        self.signal(Signal::SIGTERM);
        match tokio::time::timeout(grace, self.exited()).await {
            Ok(exited) => exited,
            Err(_) => self.kill().await,
        }
    }

    /// SIGKILL. Returns when the child was reaped.
    pub(super) async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::SIGKILL);
        self.exited().await
    }

    /// Signals the group, but only while the child is not reaped: afterwards its number may belong to someone else.
    fn signal(&self, signal: Signal) {
        if self.child.id().is_some()
            && let Err(error) = killpg(self.group, signal)
        {
            tracing::debug!(pid = self.pid(), %signal, %error, "the process was gone before the signal");
        }
    }
}
