//! Embeds the console's built files, if they were built: everything in `dist`, as a list of `Asset`s.
//!
//! The build of the console needs Node and this one must not, so nothing is started here: `make console` fills `dist`
//! beforehand, and an empty `dist` gives a function that says so.

#![allow(missing_docs)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("dist");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut source = String::from("&[\n");
    for file in &files {
        let path = file.strip_prefix(&root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let digest = hex::encode(&Sha256::digest(fs::read(file)?)[..16]);
        let content = file.display().to_string();
        // Writing to a string does not fail.
        let _ = writeln!(source, "    Asset {{ path: {path:?}, digest: {digest:?}, content: include_bytes!({content:?}) }},");
    }
    source.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("assets.rs"), source)
}

/// All files below `folder` that are served under their own name.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if !path.ends_with(".gitignore") {
            files.push(path);
        }
    }
    Ok(())
}
