//! Size and SHA-256 of files.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Size and SHA-256 of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Bytes.
    pub byte_size: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// A writer that describes what passes through it.
#[derive(Debug)]
pub struct Describing<W> {
    inner: W,
    digest: Sha256,
    byte_size: u64,
}

impl<W: Write> Describing<W> {
    /// Passes everything on to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new(), byte_size: 0 }
    }

    /// Flushes, and describes what was written.
    pub fn finish(mut self) -> io::Result<Description> {
        self.inner.flush()?;
        Ok(Description { byte_size: self.byte_size, sha256: hex::encode(self.digest.finalize()) })
    }
}

impl<W: Write> Write for Describing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.byte_size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The digest of the files below a directory, as that of a config version is made ([`ade_core::config::content_digest`]).
pub fn content_digest(directory: &Path) -> io::Result<String> {
    let (mut files, mut open) = (Vec::new(), vec![(directory.to_owned(), String::new())]);
    while let Some((path, prefix)) = open.pop() {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let below = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), format!("{below}/")));
            } else {
                files.push((below, describe(&entry.path())?.sha256));
            }
        }
    }
    files.sort_unstable();
    Ok(ade_core::config::content_digest(files.iter().map(|(path, sha256)| (path.as_str(), sha256.as_str()))))
}

/// Describes a file.
pub fn describe(path: &Path) -> io::Result<Description> {
    let mut describing = Describing::new(io::sink());
    io::copy(&mut File::open(path)?, &mut describing)?;
    describing.finish()
}
