//! Which system calls a confined program may make ([seccomp](https://man7.org/linux/man-pages/man2/seccomp.2.html)).
//!
//! Everything is allowed but what is named here: Python and numeric libraries need more calls than anyone could list, and what user code
//! must not do is known: watch or change other processes or the machine, talk to anybody, keep something that no limit counts, and what
//! Landlock does not see, which is changing a file's mode, owner, times or attributes, and being told what happens to files of others.

use std::collections::BTreeMap;
use std::io;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Calls that watch or change other processes, the machine, or files that may only be read, and those that talk to somebody: refused.
/// Only pairs of sockets can be made (see [`pairs_only`]), so that there is nothing that could be connected to a socket of this machine.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_fsconfig,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SYS_SETXATTRAT,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
];

/// Calls that a kernel need not have: programs do without them. `clone3` hides its flags from filters, and programs fall back to `clone`;
/// refusing it breaks threads. Files of `memfd_create` would be memory that no limit counts, what System V and POSIX queues hold would
/// outlive the run, and watches tell the names of other people's files, whether these may be read or not.
const MISSING: &[libc::c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_clone3,
    libc::SYS_memfd_create,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_mq_timedsend,
    libc::SYS_mq_timedreceive,
    libc::SYS_mq_notify,
    libc::SYS_mq_getsetattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_inotify_init,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
];

/// Calls that do nothing and say that they did it. A mode or a time belongs to a file, not to how it was opened, so who may read a file of
/// this user could take it from everybody. But copying a file sets both, and a program that only copies is right not to expect an
/// error; nothing that a run leaves keeps its mode or times.
const IGNORED: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    libc::SYS_utimensat,
];

/// Calls about a process, by the number of the argument that names it: everybody may only name themselves, which is 0. They work on
/// any process of the same user, also on those that no signal reaches.
const OWN_PROCESS: [(libc::c_long, u8); 7] = [
    (libc::SYS_prlimit64, 0),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
];

/// The same of everybody with this user, in the first argument of [`libc::SYS_setpriority`] and of [`libc::SYS_ioprio_set`], which have a
/// numbering each ([ioprio_set(2)](https://man7.org/linux/man-pages/man2/ioprio_set.2.html)).
const OF_USER: [(libc::c_long, u64); 2] = [(libc::SYS_setpriority, libc::PRIO_USER as u64), (libc::SYS_ioprio_set, 3)];

// Numbers that the C library's bindings do not have on every architecture; new calls have the same one on all
// (https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/scripts/syscall.tbl).
const SYS_FCHMODAT2: libc::c_long = 452;
const SYS_SETXATTRAT: libc::c_long = 463;
const SYS_REMOVEXATTRAT: libc::c_long = 466;
const SYS_FILE_SETATTR: libc::c_long = 469;

/// Namespaces that `clone` can make.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Compiled filters.
#[derive(Debug)]
pub(super) struct Filters([BpfProgram; 3]);

impl Filters {
    /// Compiles the filters for this architecture.
    pub(super) fn compile() -> Result<Self, BackendError> {
        let mut refused: Rules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
        for (call, argument) in OWN_PROCESS {
            refused.entry(call).or_default().push(when(argument, SeccompCmpOp::Ne, 0)?);
        }
        for (call, everybody) in OF_USER {
            refused.entry(call).or_default().push(when(0, SeccompCmpOp::Eq, everybody)?);
        }
        refused.insert(libc::SYS_socketpair, pairs_only()?);
        refused.insert(libc::SYS_clone, no_namespaces()?);
        let other = other_numbers(refused.keys().copied().chain(MISSING.iter().copied()).chain(IGNORED.iter().copied()));
        let missing = MISSING.iter().copied().chain(other).map(|call| (call, Vec::new())).collect();
        let ignored = IGNORED.iter().map(|call| (*call, Vec::new())).collect();
        Ok(Self([compile(refused, libc::EPERM)?, compile(missing, libc::ENOSYS)?, compile(ignored, 0)?]))
    }

    /// Applies the filters to the calling process, for good. Makes system calls only.
    pub(super) fn apply(&self) -> io::Result<()> {
        let denied = |_| io::Error::from(io::ErrorKind::PermissionDenied);
        self.0.iter().try_for_each(|filter| seccompiler::apply_filter(filter).map_err(denied))
    }
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

fn compile(rules: Rules, error: libc::c_int) -> Result<BpfProgram, BackendError> {
    let action = SeccompAction::Errno(error.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, action, ARCHITECTURE)?.try_into()
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

/// A rule about one argument, of which the lower half counts.
fn when(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)?])
}

/// Pairs of sockets are pipes in both directions. Those of datagrams are not: each can be sent to any address.
fn pairs_only() -> Result<Vec<SeccompRule>, BackendError> {
    /// The other bits of a type are flags.
    const TYPE: u64 = 0xf;
    let mut rules = vec![when(0, SeccompCmpOp::Ne, libc::AF_UNIX as u64)?];
    // The kernel takes one for the other.
    for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW] {
        rules.push(when(1, SeccompCmpOp::MaskedEq(TYPE), u64::from(kind.cast_unsigned()))?);
    }
    Ok(rules)
}

fn no_namespaces() -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |flag: libc::c_int| {
        let flag = u64::from(flag.cast_unsigned());
        let set = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
        SeccompRule::new(vec![set])
    };
    NAMESPACES.into_iter().map(rule).collect()
}

/// Other numbers under which this architecture's kernel may know the same calls: those of x32 are x86-64's with another bit set.
fn other_numbers(calls: impl Iterator<Item = libc::c_long>) -> impl Iterator<Item = libc::c_long> {
    const X32: libc::c_long = 0x4000_0000;
    calls.chain(512..=547).filter(|_| cfg!(target_arch = "x86_64")).map(|call| call | X32)
}
