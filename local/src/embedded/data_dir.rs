//! The data directory: one owner at a time, one known layout.
//!
//! ```text
//! <data-dir>/format             `format: 1`; written before anything else
//! <data-dir>/lock               locked (flock) while a process owns the directory; holds its pid
//! <data-dir>/credentials.json   the generated key pair, 0600
//! <data-dir>/dynamodb/          the tables, 0700
//! <data-dir>/s3/                the index and the blobs, 0700
//! ```
//!
//! The kernel drops the lock when its owner dies, however it dies, so a stale lock cannot exist. The
//! lock file itself is never removed: a file that is unlinked while someone waits on it would let
//! two processes each own a lock of the same name.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::EmbeddedError;

/// The layout this version reads and writes.
pub(super) const FORMAT: &str = "format: 1";
/// The marker's file name.
pub(super) const FORMAT_FILE: &str = "format";
const LOCK_FILE: &str = "lock";
const DYNAMODB_DIR: &str = "dynamodb";
const S3_DIR: &str = "s3";
/// What else a directory like `.ade` holds: nobody's data, and slow or impossible to make again without a network. And the
/// demo's data directory, which has a lock of its own.
const KEPT: [&str; 5] = ["base", "tools", "wheels", "test-env", "demo"];

/// A data directory this process owns, until dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Opens the directory, making it when it is not there.
    ///
    /// # Errors
    /// Another process owns it, it has an unknown format, or the file system refuses.
    pub(crate) fn open(path: &Path) -> Result<Self, EmbeddedError> {
        fs::create_dir_all(path).map_err(EmbeddedError::io("create", path))?;
        let lock = lock(path)?;
        match read_format(path)? {
            Some(format) if format == FORMAT => {}
            Some(found) => return Err(unknown_format(path, found)),
            None if path.join(DYNAMODB_DIR).exists() || path.join(S3_DIR).exists() => {
                return Err(unknown_format(path, "no marker".to_owned()));
            }
            None => write_durably(&path.join(FORMAT_FILE), format!("{FORMAT}\n").as_bytes(), 0o644)?,
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The directory of the DynamoDB tables, made when missing.
    pub(super) fn dynamodb(&self) -> Result<PathBuf, EmbeddedError> {
        self.private(DYNAMODB_DIR)
    }

    /// The directory of the S3 store, made when missing.
    pub(super) fn s3(&self) -> Result<PathBuf, EmbeddedError> {
        self.private(S3_DIR)
    }

    /// The file of the generated credentials.
    pub(super) fn credentials(&self) -> PathBuf {
        self.path.join("credentials.json")
    }

    fn private(&self, name: &str) -> Result<PathBuf, EmbeddedError> {
        let path = self.path.join(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(EmbeddedError::io("create", &path))?;
        Ok(path)
    }
}

/// Empties a data directory; what stays is the lock file, and what was installed there.
///
/// The format marker goes last, so an interrupted reset can be run again.
///
/// # Errors
/// The directory has no ADE format marker, another process owns it, or the file system refuses.
pub fn reset(path: &Path) -> Result<(), EmbeddedError> {
    if !path.join(FORMAT_FILE).is_file() {
        return Err(EmbeddedError::NotADataDir { dir: path.to_owned() });
    }
    let _lock = lock(path)?;
    for entry in fs::read_dir(path).map_err(EmbeddedError::io("read", path))? {
        let entry = entry.map_err(EmbeddedError::io("read", path))?;
        let name = entry.file_name();
        if name != LOCK_FILE && name != FORMAT_FILE && !KEPT.iter().any(|kept| name == *kept) {
            remove(&entry)?;
        }
    }
    let marker = path.join(FORMAT_FILE);
    fs::remove_file(&marker).map_err(EmbeddedError::io("remove", marker))
}

fn remove(entry: &fs::DirEntry) -> Result<(), EmbeddedError> {
    let path = entry.path();
    // The type of the entry itself: a link is removed, never what it points at.
    let kind = entry.file_type().map_err(EmbeddedError::io("read", &path))?;
    let removed = if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    removed.map_err(EmbeddedError::io("remove", path))
}

/// Writes a file so that after a crash it is either whole or not there.
pub(super) fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> Result<(), EmbeddedError> {
    let write = || -> io::Result<()> {
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    write().map_err(EmbeddedError::io("write", path))
}

fn lock(dir: &Path) -> Result<File, EmbeddedError> {
    let path = dir.join(LOCK_FILE);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(EmbeddedError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(EmbeddedError::InUse { dir: dir.to_owned(), holder: holder(&mut file) });
        }
        Err(TryLockError::Error(source)) => {
            return Err(EmbeddedError::io("lock", path)(source));
        }
    }
    write_pid(&mut file).map_err(EmbeddedError::io("write", path))?;
    Ok(file)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.take(20).read_to_string(&mut pid) {
        Ok(_) if !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("pid {pid}")
        }
        _ => "pid unknown".to_owned(),
    }
}

fn read_format(dir: &Path) -> Result<Option<String>, EmbeddedError> {
    let path = dir.join(FORMAT_FILE);
    let mut file = match File::open(&path) {
        Ok(file) => file.take(64),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(EmbeddedError::io("open", path)(error)),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(EmbeddedError::io("read", path))?;
    Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
}

fn unknown_format(dir: &Path, found: String) -> EmbeddedError {
    EmbeddedError::UnknownFormat { dir: dir.to_owned(), found }
}
