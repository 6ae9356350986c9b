//! Trying the layers on a child: what counts is what a child can do, not what the kernel says it has.

use std::io;
use std::process::{Command, Stdio};

use super::{Layers, Reach, Sandbox};
use crate::base::Base;
use crate::process::confine;

/// Reports which layers the child finds itself in. It tries what each should prevent.
const SCRIPT: &str = r#"
import json, os, socket

def refused(action):
    try:
        action()
    except OSError:
        return True
    return False

status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
none = all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
print(json.dumps({
    "capabilities": none and status["NoNewPrivs"] == "1",
    "seccomp": refused(lambda: socket.socket(socket.AF_INET)),
    "landlock": refused(lambda: os.listdir("/")),
}))
"#;

/// The layers that are in force together; a layer that can't even be asked for is left out.
pub(super) fn layers(sandbox: &Sandbox, base: &Base) -> io::Result<Layers> {
    let mut wanted = sandbox.layers;
    let mut found = attempt(sandbox, wanted, base);
    if found.is_err() {
        // One of them breaks the child: find out which by itself.
        let alone = |layers: Layers| attempt(sandbox, layers, base).is_ok();
        wanted = Layers {
            capabilities: alone(Layers { capabilities: true, ..Layers::default() }),
            seccomp: alone(Layers { seccomp: true, ..Layers::default() }),
            landlock: alone(Layers { landlock: true, ..Layers::default() }),
        };
        found = attempt(sandbox, wanted, base);
    }
    let found = found?;
    Ok(Layers {
        capabilities: wanted.capabilities && found.capabilities,
        seccomp: wanted.seccomp && found.seccomp,
        landlock: wanted.landlock && found.landlock,
    })
}

fn attempt(sandbox: &Sandbox, layers: Layers, base: &Base) -> io::Result<Layers> {
    let confinement = Sandbox { layers, ..sandbox.clone() }.confine(Reach::default());
    let mut command = Command::new(&base.python);
    command.args(["-I", "-S", "-B", "-c", SCRIPT]).env_clear().current_dir("/").stdin(Stdio::null());
    confine(&mut command, Vec::new(), Some(confinement.prepare()?));
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
