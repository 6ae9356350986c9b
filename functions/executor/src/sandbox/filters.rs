//! Which system calls a confined program may make ([seccomp](https://man7.org/linux/man-pages/man2/seccomp.2.html)).
//!
//! Everything is allowed but what is named here: Python and numeric libraries need more calls than anyone could list, and what user code
//! must not do is known.

use std::collections::BTreeMap;
use std::io;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Calls that watch or change other processes or the machine: refused.
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
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_fanotify_init,
];

/// Calls that a kernel need not have: programs do without them. `clone3` hides its flags from filters, and programs fall back to `clone`;
/// refusing it breaks threads. Files of `memfd_create` would be memory that no limit counts.
const MISSING: &[libc::c_long] =
    &[libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_clone3, libc::SYS_memfd_create];

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
pub(super) struct Filters([BpfProgram; 2]);

impl Filters {
    /// Compiles the filters for this architecture.
    pub(super) fn compile() -> Result<Self, BackendError> {
        let mut refused: Rules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
        let family = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, libc::AF_UNIX as u64)?;
        refused.insert(libc::SYS_socket, vec![SeccompRule::new(vec![family])?]);
        let namespaces = NAMESPACES.map(|flag| {
            let flag = u64::from(flag.cast_unsigned());
            let set = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
            SeccompRule::new(vec![set])
        });
        refused.insert(libc::SYS_clone, namespaces.into_iter().collect::<Result<_, _>>()?);
        let mut missing: Rules = MISSING.iter().map(|call| (*call, Vec::new())).collect();
        missing.extend(other_numbers().map(|call| (call, Vec::new())));
        Ok(Self([compile(refused, libc::EPERM)?, compile(missing, libc::ENOSYS)?]))
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

/// Other numbers under which this architecture's kernel may know the same calls: those of x32 are x86-64's with another bit set.
fn other_numbers() -> impl Iterator<Item = libc::c_long> {
    const X32: libc::c_long = 0x4000_0000;
    let calls = REFUSED.iter().chain(MISSING).copied().chain([libc::SYS_socket, libc::SYS_clone]).chain(512..=547);
    calls.filter(|_| cfg!(target_arch = "x86_64")).map(|call| call | X32)
}
