//! What a process and everything that it started use together, which no limit of a single process bounds.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Limits;
use super::descendants::tree;
use super::written::written;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// How often files are looked at, at most: many of them take longer.
const FILES_INTERVAL: Duration = Duration::from_secs(1);

/// A single process that uses too much CPU time is told so by the kernel first.
const CPU_SLACK: Duration = Duration::from_secs(1);

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Memory of all processes together.
    Memory,
    /// Processes and threads.
    Processes,
    /// CPU time of all processes together.
    Cpu,
    /// Bytes in all files together.
    Written,
}

/// Resolves when the descendants of this process use more than `limits` allow, or have written more below `places`.
pub(super) async fn watch(limits: Limits, places: &[PathBuf]) -> io::Result<Excess> {
    tokio::select! {
        excess = watch_processes(limits) => excess,
        excess = watch_files(limits, places) => excess,
    }
}

async fn watch_files(limits: Limits, places: &[PathBuf]) -> io::Result<Excess> {
    loop {
        let next = Instant::now() + FILES_INTERVAL;
        let places = places.to_vec();
        if tokio::task::spawn_blocking(move || written(&places)).await? > limits.written {
            return Ok(Excess::Written);
        }
        sleep_until(next).await;
    }
}

async fn watch_processes(limits: Limits) -> io::Result<Excess> {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let descendants = tree()?;
        if descendants.iter().map(|process| process.threads).sum::<u64>() > limits.processes {
            return Ok(Excess::Processes);
        }
        if descendants.iter().map(|process| process.cpu).sum::<Duration>() > Duration::from_secs(limits.cpu_seconds) + CPU_SLACK {
            return Ok(Excess::Cpu);
        }
        let resident: u64 = descendants.iter().map(|process| process.resident).sum();
        // Pages that processes share are counted once for each; only when that is too much it is worth looking closely.
        if resident > limits.memory
            && descendants.iter().map(|process| proportional(process.pid).unwrap_or(process.resident)).sum::<u64>() > limits.memory
        {
            return Ok(Excess::Memory);
        }
    }
}

/// A process's memory in bytes, with its part of what it shares; `None` when it has ended.
fn proportional(pid: nix::unistd::Pid) -> Option<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib: u64 = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
