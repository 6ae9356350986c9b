//! Engines that mean harm: each is contained, and reported as what it is.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use ade_core::eventlog::{EventBody, FailureCode};
use ade_core::run::{RunOptions, RunStatus};
use nix::unistd::geteuid;

use crate::stack::{Ended, Stack, test, test_with};

/// `refused(errno name, …)` runs something that must fail so; anything else fails the run.
const TOOLS: &str = r#"
import ctypes, errno, mmap, signal, socket, subprocess, time
libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    "x86_64": dict(ptrace=101, process_vm_readv=310, unshare=272, bpf=321, keyctl=250, mount=165, io_uring_setup=425, clone3=435,
                   ioprio_set=251),
    "aarch64": dict(ptrace=117, process_vm_readv=270, unshare=97, bpf=280, keyctl=219, mount=40, io_uring_setup=425, clone3=435,
                    ioprio_set=30),
}[os.uname().machine]

def refused(what, action, *names):
    try:
        action()
    except OSError as error:
        assert errno.errorcode[error.errno] in names, (what, error)
        return
    raise AssertionError(f"{what} was possible")

def call(name, *arguments):
    if libc.syscall(NUMBERS[name], *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")
"#;

fn engine(code: &str) -> String {
    format!("{TOOLS}\n{code}")
}

fn succeeded(ended: &Ended) {
    assert_eq!(ended.run.status, RunStatus::Succeeded, "{:?}", ended.run.outcome.error_message);
}

#[test]
fn nothing_of_the_machine_is_within_reach() {
    test(async |stack: Stack| {
        assert!(stack.sandbox.layers().missing().is_empty(), "this kernel lacks {:?}", stack.sandbox.layers().missing());
        let neighbour = stack.dir().join("runs/run_another/1/input");
        std::fs::create_dir_all(&neighbour).unwrap();
        std::fs::write(neighbour.join("secret.csv"), "secret").unwrap();
        let outside = stack.dir().join("outside");
        let code = engine(&format!(
            r#"
parent = os.getppid()
for name in ("environ", "mem", "maps", "fd", "cwd/x", "root/etc/passwd"):
    refused(name, lambda: open(f"/proc/{{parent}}/{{name}}", "rb").read(1), "EACCES", "EPERM", "EISDIR")
assert not [name for name in os.environ if name.startswith("AWS_") or name.startswith("ADE_") and name != "ADE_RUN_METADATA"]
refused("signals", lambda: os.kill(parent, signal.SIGTERM), "EPERM")
refused("ptrace", lambda: call("ptrace", 16, parent, 0, 0), "EPERM")
refused("process_vm_readv", lambda: call("process_vm_readv", parent, 0, 0, 0, 0, 0), "EPERM")
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
    refused(f"family {{family}}", lambda: socket.socket(family, socket.SOCK_DGRAM), "EPERM")
refused("the Runtime API", lambda: socket.create_connection(("127.0.0.1", 9001)), "EPERM")
a, b = socket.socketpair()
a.send(b"x")
assert b.recv(1) == b"x"
refused("io_uring", lambda: call("io_uring_setup", 8, 0), "ENOSYS")
refused("clone3", lambda: call("clone3", 0, 0), "ENOSYS")
refused("namespaces", lambda: call("unshare", 0x10000000), "EPERM")
refused("bpf", lambda: call("bpf", 0, 0, 0), "EPERM")
refused("keys", lambda: call("keyctl", 0, 0, 0), "EPERM")
refused("mounts", lambda: call("mount", 0, 0, 0, 0, 0), "EPERM")
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")) or os.geteuid() != 0, status
assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
refused("another run's documents", lambda: open({neighbour:?} + "/secret.csv").read(), "EACCES")
refused("another run's directory", lambda: os.listdir({neighbour:?}), "EACCES")
refused("files of the machine", lambda: os.listdir("/"), "EACCES")
for place in ({outside:?}, "/tmp/ade-hostile", "/dev/shm/ade-hostile", sys.prefix + "/hostile", sys.prefix + "/config/hostile"):
    refused(place, lambda: open(place, "w"), "EACCES", "ENOENT")
refused("the environment", lambda: os.unlink(sys.prefix + "/pyvenv.cfg"), "EACCES")
refused("the input", lambda: open(document, "w"), "EACCES")
(output / "allowed.csv").write_text("1")
"#
        ));
        let ended = stack.run(&code).await;
        succeeded(&ended);
        assert_eq!(ended.run.outcome.output_paths, ["allowed.csv"]);
        assert!(!outside.exists());
        std::fs::remove_dir_all(stack.dir().join("runs/run_another")).unwrap();
        stack.stop().await;
    });
}

/// What Landlock does not see: files by their names, limits of other processes, sockets that are files, and memory of the kernel's.
#[test]
fn what_is_not_a_matter_of_opening_files_stays_inside_as_well() {
    test(async |stack: Stack| {
        let outside = stack.dir().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::set_permissions(&outside, std::fs::Permissions::from_mode(0o750)).unwrap();
        let modified = std::fs::metadata(&outside).unwrap().modified().unwrap();
        let listener = std::os::unix::net::UnixListener::bind(stack.dir().join("socket")).unwrap();
        let code = engine(&format!(
            r#"
import resource, shutil, tempfile
parent, outside, listener = os.getppid(), {outside:?}, {listener:?}
refused("limits", lambda: resource.prlimit(parent, resource.RLIMIT_CPU), "EPERM")
refused("processors", lambda: os.sched_setaffinity(parent, os.sched_getaffinity(parent)), "EPERM")
refused("scheduling", lambda: os.sched_setscheduler(parent, os.SCHED_OTHER, os.sched_param(0)), "EPERM")
for which, who in ((os.PRIO_PROCESS, parent), (os.PRIO_PGRP, os.getpgid(parent)), (os.PRIO_USER, 0)):
    refused("priority", lambda: os.setpriority(which, who, os.getpriority(which, who)), "EPERM")
refused("priority of reading", lambda: call("ioprio_set", 1, parent, 0), "EPERM")
refused("everybody's priority of reading", lambda: call("ioprio_set", 3, 0, 0), "EPERM")
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
os.sched_setaffinity(0, os.sched_getaffinity(0))
os.nice(1)

for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC):
    refused("datagrams", lambda: socket.socketpair(socket.AF_UNIX, kind), "EPERM")
for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
    a, b = socket.socketpair(socket.AF_UNIX, kind)
    refused("a socket of the machine", lambda: a.connect(listener), "EPERM")
    refused("a name for a socket", lambda: a.bind(os.environ["HOME"] + "/s"), "EPERM")
    a.sendmsg([b"x"])
    assert b.recv(1) == b"x"

def of_libc(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")
    raise AssertionError(f"{{name}} was possible")

refused("shared memory", lambda: of_libc("shmget", 0, 4096, 0o600), "ENOSYS")
refused("semaphores", lambda: of_libc("semget", 0, 1, 0o600), "ENOSYS")
refused("queues", lambda: of_libc("msgget", 0, 0o600), "ENOSYS")
refused("POSIX queues", lambda: of_libc("mq_open", b"/ade", os.O_CREAT | os.O_RDWR, 0o600, None), "ENOSYS")
refused("watches", lambda: of_libc("inotify_init1", 0), "ENOSYS")
refused("watches of everything", lambda: of_libc("fanotify_init", 0, 0), "ENOSYS")

refused("owners", lambda: os.chown(outside, os.getuid(), os.getgid()), "EPERM")
refused("attributes", lambda: os.setxattr(outside, "user.ade", b"x"), "EPERM")
os.chmod(outside, 0)
os.utime(outside, (0, 0))
readable = os.open(document, os.O_RDONLY)
os.fchmod(readable, 0)
os.utime(readable, (0, 0))
assert os.stat(document).st_mode & 0o400 and os.stat(document).st_mtime > 0
# What copies and touches files works, but for modes and times.
shutil.copy(document, output / "copy.csv")
shutil.copy2(document, output / "again.csv")
(output / "copy.csv").touch()
with tempfile.TemporaryDirectory() as place:
    shutil.copytree(output, place + "/tree")
"#,
            listener = stack.dir().join("socket"),
        ));
        let ended = stack.run(&code).await;
        succeeded(&ended);
        assert_eq!(ended.run.outcome.output_paths, ["again.csv", "copy.csv"]);
        let metadata = std::fs::metadata(&outside).unwrap();
        assert_eq!((metadata.permissions().mode() & 0o777, metadata.modified().unwrap()), (0o750, modified));
        drop(listener);
        stack.stop().await;
    });
}

/// Locks and queues of processes work without what all runs of a machine share.
#[test]
fn processes_work_together_without_shared_names() {
    test(async |stack: Stack| {
        let code = engine(
            r#"
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
refused("shared memory", lambda: open("/dev/shm/ade-hostile", "w"), "EACCES", "ENOENT")
assert multiprocessing.get_all_start_methods() == ["fork", "spawn"], "nobody can be asked for processes over a socket"
def square(n):
    return n * n
def count(value, times):
    for _ in range(times):
        with value.get_lock():
            value.value += 1
def double(numbers, doubles):
    while (number := numbers.get()) is not None:
        doubles.put(2 * number)
context = multiprocessing.get_context("fork")
with ProcessPoolExecutor(4, mp_context=context) as pool:
    assert list(pool.map(square, range(500))) == [n * n for n in range(500)]
    assert isinstance(pool.submit(int, "x").exception(), ValueError)
with context.Pool(4) as pool:
    assert pool.map(square, range(500)) == [n * n for n in range(500)]
value = context.Value("i", 0)
counters = [context.Process(target=count, args=(value, 500)) for _ in range(4)]
for counter in counters: counter.start()
for counter in counters: counter.join()
assert value.value == 2000, value.value
numbers, doubles = context.Queue(2), context.SimpleQueue()
worker = context.Process(target=double, args=(numbers, doubles))
worker.start()
for n in range(50): numbers.put(n)
assert [doubles.get() for _ in range(50)] == [2 * n for n in range(50)]
numbers.put(None)
worker.join()
lock, again, bounded = context.Lock(), context.RLock(), context.BoundedSemaphore(2)
assert lock.acquire() and not lock.acquire(block=False) and not lock.acquire(timeout=0.01)
lock.release()
try: lock.release()
except ValueError: pass
else: raise AssertionError("released too often")
again.acquire(); again.acquire(); again.release(); again.release()
assert bounded.acquire() and bounded.acquire() and not bounded.acquire(timeout=0)
event = context.Event()
context.Process(target=event.set).start()
assert event.wait(30)
"#,
        );
        succeeded(&stack.run(&code).await);
        stack.stop().await;
    });
}

#[test]
fn who_takes_too_much_is_stopped_for_it() {
    let limits = [
        ("ADE_RUN_MEMORY_LIMIT", "300MiB"),
        ("ADE_RUN_PROCESSES", "40"),
        ("ADE_RUN_CPU_SECONDS", "3"),
        ("ADE_LOG_BYTES_LIMIT", "1MiB"),
        ("ADE_RUN_OUTPUT_LIMIT", "50MiB"),
    ];
    test_with(&limits, async |stack: Stack| {
        use FailureCode::{CpuLimitExceeded, FileSizeLimitExceeded, LimitExceeded, OutOfMemory, ProcessLimitExceeded, Timeout};
        let cases = [
            ("while True: os.fork()", ProcessLimitExceeded),
            (
                "children = [subprocess.Popen(['sleep', '60'], start_new_session=True) for _ in range(60)]\ntime.sleep(60)",
                ProcessLimitExceeded,
            ),
            ("hoard = [bytearray(1 << 20) for _ in range(400)]", OutOfMemory),
            // None of them alone, but all together.
            ("[os.fork() for _ in range(2)]\nhoard = bytearray(os.urandom(1 << 20) * 150)\ntime.sleep(60)", OutOfMemory),
            ("shared = mmap.mmap(-1, 600 << 20)\nfor at in range(0, 600 << 20, 4096): shared[at] = 1\ntime.sleep(60)", OutOfMemory),
            ("with open(output / 'sparse', 'wb') as file: file.seek(100 << 30); file.write(b'x')", FileSizeLimitExceeded),
            // No file alone, but all together: found while it goes on, wherever they are, and at the end.
            ("for n in range(60): (output / str(n)).write_bytes(bytes(1 << 20))\ntime.sleep(60)", LimitExceeded),
            ("for n in range(60): open(str(n), 'wb').write(bytes(1 << 20))\ntime.sleep(60)", LimitExceeded),
            ("for n in range(60): (output / str(n)).write_bytes(bytes(1 << 20))", LimitExceeded),
            ("signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", CpuLimitExceeded),
            ("while True: print('x' * 1000)", Timeout),
            ("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)", Timeout),
        ];
        for (code, expected) in cases {
            // Processor time is only used up by what does not end before.
            let timeout_seconds = Some(if expected == Timeout { 2 } else { 60 });
            let ended = stack.run_with(&engine(code), RunOptions { timeout_seconds, ..RunOptions::default() }).await;
            let outcome = &ended.run.outcome;
            let found = outcome.failure.as_ref().map(|failure| failure.code);
            assert_eq!((ended.run.status, found), (RunStatus::Failed, Some(expected)), "{code}: {:?}", outcome.error_message);
            assert!(matches!(ended.events.last().unwrap().body, EventBody::RunCompleted { .. }), "{code}");
            assert_eq!(stack.artifact(&ended.run).await["run"]["status"], "failed");
        }
        let next = stack.run("print('well')").await;
        succeeded(&next);
        stack.stop().await;
    });
}

/// A directory may be closed to its owner from the start: what is in it counts, is published, and goes.
#[test]
fn directories_that_can_not_be_read_hide_nothing_and_go() {
    test_with(&[("ADE_RUN_OUTPUT_LIMIT", "20MiB")], async |stack: Stack| {
        let hidden = "for place in (output, Path.cwd()):\n    os.mkdir(place / 'd', 0o300)\n    os.mkdir(place / 'd/e', 0o300)\n";
        let ended = stack.run(&engine(&format!("{hidden}    (place / 'd/e/x.csv').write_text('1')"))).await;
        succeeded(&ended);
        assert_eq!(ended.run.outcome.output_paths, ["d/e/x.csv"]);
        if geteuid().is_root() {
            // Whose directories can all be read.
            return stack.stop().await;
        }
        let code = engine(&format!("{hidden}for n in range(30): open(f'd/e/{{n}}', 'wb').write(bytes(1 << 20))\ntime.sleep(60)"));
        let ended = stack.run_with(&code, RunOptions { timeout_seconds: Some(20), ..RunOptions::default() }).await;
        assert_eq!(ended.run.outcome.failure.as_ref().unwrap().code, FailureCode::LimitExceeded);
        stack.stop().await;
    });
}

#[test]
fn without_landlock_no_run_changes_the_environment_of_the_next() {
    test_with(&[("ADE_SANDBOX", "off")], async |stack: Stack| {
        let code = "changed = Path(sys.prefix, 'config/src/ade_config/__init__.py')\nassert not changed.read_text()\n\
                    changed.write_text('import os')\nprint(sys.prefix)";
        let mut places = Vec::new();
        for _ in 0..2 {
            let ended = stack.run(code).await;
            succeeded(&ended);
            places.extend(ended.events.iter().find_map(|event| match &event.body {
                EventBody::RunLog(line) => Some(line.message.clone()),
                _ => None,
            }));
        }
        assert!(places.len() == 2 && places[0] != places[1] && places.iter().all(|place| place.contains("/runs/run_")), "{places:?}");
        stack.stop().await;
    });
}

/// Root and everybody else are confined by different means, so these tests are run as both where that is possible.
#[test]
fn an_ordinary_user_contains_them_as_well() {
    if !geteuid().is_root() {
        return;
    }
    // In its turn: what others end is everything below this process.
    test(async |stack: Stack| {
        // Where this program is built others may not be able to read.
        let place = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = place.path().join("it");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let tests = [
            "hostile::nothing_of_the_machine_is_within_reach",
            "hostile::what_is_not_a_matter_of_opening_files_stays_inside_as_well",
            "hostile::processes_work_together_without_shared_names",
            "hostile::who_takes_too_much_is_stopped_for_it",
            "hostile::directories_that_can_not_be_read_hide_nothing_and_go",
        ];
        let mut command = Command::new(program);
        command.args(tests).args(["--exact", "--test-threads=1"]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        let output = command.env("TMPDIR", "/tmp").current_dir("/").uid(NOBODY).gid(NOBODY).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("5 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
        stack.stop().await;
    });
}

const NOBODY: u32 = 65534;
