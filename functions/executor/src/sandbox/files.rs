//! Which files a confined program reaches ([Landlock](https://docs.kernel.org/userspace-api/landlock.html)).

use std::io;
use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, Scope, path_beneath_rules,
};

use super::Reach;

/// The newest rules that are asked for; older kernels enforce what they know of them.
const RULES: ABI = ABI::V9;

/// What every program may read and execute: the system's programs and libraries.
pub(super) const SYSTEM: [&str; 4] = ["/usr", "/lib", "/lib64", "/bin"];

/// What every program may read: names and time zones, entropy, and what numeric libraries want to know about the machine.
const READABLE: [&str; 11] = [
    "/etc",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
];

/// Where what is written is gone.
const WRITABLE: [&str; 1] = ["/dev/null"];

/// The rules for a program, ready to be enforced. Connections are refused as well, and signals and abstract sockets stay inside.
pub(super) fn rules(system: &[PathBuf], reach: &Reach) -> io::Result<RulesetCreated> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let (execute, change) = (read | AccessFs::Execute, AccessFs::from_all(RULES) & !(AccessFs::MakeChar | AccessFs::MakeBlock));
    let made = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(RULES))?
            .handle_access(AccessNet::from_all(RULES))?
            .scope(Scope::from_all(RULES))?
            .create()?
            .add_rules(path_beneath_rules(system.iter().chain(&reach.read), execute))?
            .add_rules(path_beneath_rules(READABLE, read))?
            .add_rules(path_beneath_rules(reach.write.iter(), change))?
            .add_rules(path_beneath_rules(WRITABLE, change))
    };
    made().map_err(io::Error::other)
}
