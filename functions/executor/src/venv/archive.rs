//! Archives of environments: `tar`, compressed with zstd, the same bytes for the same content.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ade_core::build::Archive;

use super::{MANIFEST, PTH, Venv};
use crate::base::Base;
use crate::hashing::{Describing, Description};

/// Packs what is not of this machine into a new file: packages, config and manifest.
pub fn pack(venv: &Venv, base: &Base, file: &Path) -> io::Result<Archive> {
    let mut writer = Describing::new(io::BufWriter::new(File::create_new(file)?));
    let mut archive = tar::Builder::new(zstd::Encoder::new(&mut writer, 3)?);
    let machine_specific = base.library().join(PTH);
    for path in files(&venv.dir, &[PathBuf::from(MANIFEST), PathBuf::from("config"), base.library()])? {
        if path != machine_specific {
            append(&mut archive, &venv.dir, &path)?;
        }
    }
    archive.into_inner()?.finish()?;
    let Description { byte_size, sha256 } = writer.finish()?;
    Ok(Archive { byte_size, sha256 })
}

/// Unpacks an archive of an environment or a config into a directory, which is made.
pub fn unpack(file: &Path, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(File::open(file)?)?);
    archive.set_preserve_mtime(false);
    archive.set_overwrite(false);
    archive.unpack(directory)
}

/// The regular files below some entries of a directory, relative to it, sorted. Nothing else is packed: packages have no links.
fn files(root: &Path, entries: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), entries.to_vec());
    while let Some(path) = open.pop() {
        let kind = std::fs::symlink_metadata(root.join(&path))?.file_type();
        if kind.is_file() {
            found.push(path);
        } else if kind.is_dir() {
            for entry in std::fs::read_dir(root.join(&path))? {
                open.push(path.join(entry?.file_name()));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn append(archive: &mut tar::Builder<impl io::Write>, root: &Path, path: &Path) -> io::Result<()> {
    let file = File::open(root.join(path))?;
    let metadata = file.metadata()?;
    let executable = metadata.permissions().mode() & 0o100 != 0;
    let mut header = tar::Header::new_gnu();
    header.set_size(metadata.len());
    header.set_mode(if executable { 0o755 } else { 0o644 });
    header.set_mtime(0);
    archive.append_data(&mut header, path, file)
}
