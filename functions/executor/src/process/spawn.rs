//! The one place with unsafe code: what a child does between `fork` and `exec`.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt as _;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{getpid, getppid, setsid};

/// Makes `command` start in a session and process group of its own, die with the *thread* that starts it, never gain privileges,
/// and stay within `limits` (soft and hard), which must not exceed this process's own hard limits.
pub(super) fn confine(command: &mut std::process::Command, limits: Vec<(Resource, u64, u64)>) {
    let parent = getpid();
    let in_child = move || {
        setsid()?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above took effect.
        if getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        prctl::set_no_new_privs()?;
        for (resource, soft, hard) in &limits {
            setrlimit(*resource, *soft, *hard)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed, since another thread may have held any lock at the
    // moment of the fork. The closure makes plain system calls, reads memory that was allocated before, and allocates nothing:
    // errors carry numbers only.
    unsafe {
        command.pre_exec(in_child);
    }
}
