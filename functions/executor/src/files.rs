//! Files that user code may have made, looked at by who may do more than it.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use nix::libc;

/// What the owner of a directory needs to see and to empty it.
const OPEN: u32 = 0o700;
/// What the owner of a file needs to read it.
const READABLE: u32 = 0o400;

/// Reads a regular file of at most `limit` bytes; `None` when something else is there, or nothing. A link is not followed.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    // A pipe would make us wait for who writes into it.
    let opened = File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ELOOP) => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > limit {
        return Ok(None);
    }
    let mut content = Vec::new();
    file.take(limit).read_to_end(&mut content)?;
    Ok(Some(content))
}

/// Removes a directory and everything in it, also what its owner closed to themselves. Nothing happens when it is not there.
pub fn remove_tree(directory: &Path) -> io::Result<()> {
    let remove = || match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    match remove() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(directory);
            remove()
        }
        removed => removed,
    }
}

/// Lets the owner of a directory see everything in it, as far as that is possible. Called when no process is left that could put a link
/// in the place of a directory meanwhile.
pub fn open_up(directory: &Path) {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        allow(&directory, OPEN, Metadata::is_dir);
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => allow(&entry.path(), READABLE, Metadata::is_file),
                _ => {}
            }
        }
    }
}

/// Adds to the mode of a file of this kind. Whoever needs it more learns of a failure.
fn allow(path: &Path, needed: u32, kind: impl Fn(&Metadata) -> bool) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    let mode = metadata.permissions().mode();
    if kind(&metadata) && mode & needed != needed {
        drop(std::fs::set_permissions(path, Permissions::from_mode(mode | needed)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_regular_files_of_a_usual_size_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "12345").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read_regular(&at("file"), 5).unwrap().as_deref(), Some(b"12345".as_slice()));
        assert_eq!(read_regular(&at("file"), 4).unwrap(), None);
        for other in ["link", "pipe", ".", "nothing"] {
            assert_eq!(read_regular(&at(other), 5).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn what_is_closed_is_opened_and_links_are_not_followed() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let closed = dir.path().join("closed");
        std::fs::create_dir(&closed).unwrap();
        std::fs::write(closed.join("file"), "").unwrap();
        std::os::unix::fs::symlink(other.path(), closed.join("link")).unwrap();
        let close = |path: &Path| std::fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
        close(&closed.join("file"));
        close(&closed);
        close(other.path());
        open_up(dir.path());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&closed), mode(&closed.join("file")), mode(other.path())), (0o700, 0o400, 0));
        close(&closed);
        remove_tree(&closed).unwrap();
        remove_tree(&closed).unwrap();
        assert!(!closed.exists() && other.path().exists());
    }
}
