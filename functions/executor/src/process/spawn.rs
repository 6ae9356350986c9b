//! The one place with unsafe code: what a child does between `fork` and `exec`.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt as _;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{getpid, getppid, setsid};

use crate::sandbox::Prepared;

/// Makes `command` start in a session and process group of its own, die with the *thread* that starts it, never gain privileges,
/// stay within `limits` (soft and hard), which must not exceed this process's own hard limits, and in its sandbox. Once only.
pub(crate) fn confine(command: &mut std::process::Command, limits: Vec<(Resource, u64, u64)>, mut sandbox: Option<Prepared>) {
    let parent = getpid();
    let in_child = move || {
        setsid()?;
        for (resource, soft, hard) in &limits {
            setrlimit(*resource, *soft, *hard)?;
        }
        prctl::set_no_new_privs()?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above took effect.
        if getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        sandbox.as_mut().map_or(Ok(()), Prepared::apply)
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed, since another thread may have held any lock at the
    // moment of the fork. The closure makes plain system calls and reads memory that was allocated before. What it allocates or frees
    // is a rule of Landlock's: the allocator of the C library can be used after a fork.
    unsafe {
        command.pre_exec(in_child);
    }
}
