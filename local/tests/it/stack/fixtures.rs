//! Documents and configs that tests need.

use std::path::{Path, PathBuf};

use super::server::Stack;

/// A table that the template's rules understand.
pub(super) const PEOPLE: &[u8] = b"First Name,Last Name,Email\nAda,Lovelace,ada@example.com\nAlan,Turing,alan@example.com\n";

/// A workbook that is encrypted with a password, as Excel does it.
pub(super) const ENCRYPTED: &[u8] = include_bytes!("../../fixtures/documents/encrypted.xlsx");

/// The workbook of the demo.
pub(super) const MESSY: &[u8] = include_bytes!("../../../demo/member-return.xlsx");

/// Changes files of a config's draft in the bucket: no route does that yet.
pub(super) async fn change_draft(stack: &Stack, config: &str, files: &[(&str, Option<&str>)]) {
    let bucket = stack.bucket();
    for (path, content) in files {
        let key = format!("configs/{config}/draft/{path}");
        match content {
            Some(content) => bucket.put(&key, content.as_bytes()).await,
            None => bucket.delete(&key).await,
        }
    }
}

/// A rule that keeps the import of its config waiting until [`open_gate`].
pub(super) const GATE: &str = "
import time
from pathlib import Path

deadline = time.monotonic() + 60
while not (Path(__file__).parent / 'open').exists():
    if time.monotonic() > deadline:
        raise TimeoutError('the gate was not opened')
    time.sleep(0.005)


def register(registry):
    pass
";

/// Where [`GATE`] goes in a config.
pub(super) const GATE_PATH: &str = "src/ade_config/columns/gate.py";

/// The directory of a gate that is waiting, when it is there.
pub(super) fn gate(stack: &Stack, config: &str) -> Option<PathBuf> {
    let builds = stack.data_dir().join("venvs").join(&stack.workspace).join(config);
    let venvs = std::fs::read_dir(builds).ok()?.flat_map(|build| std::fs::read_dir(build.unwrap().path()).unwrap());
    let gates = venvs.map(|venv| venv.unwrap().path().join("config").join(Path::new(GATE_PATH).parent().unwrap()));
    gates.into_iter().find(|directory| directory.join("gate.py").exists())
}

/// Lets the import go on.
pub(super) fn open_gate(directory: &Path) {
    std::fs::write(directory.join("open"), "").unwrap();
}
