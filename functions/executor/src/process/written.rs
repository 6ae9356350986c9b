use std::io;
use std::path::{Path, PathBuf};

/// Bytes of all files below these directories. Files come and go while they are counted; what can't be looked at, because it is closed or
/// below a path that is too long, may hold any number of them, and counts as one too many.
pub(super) fn written(places: &[PathBuf]) -> u64 {
    let (mut bytes, mut open) = (0u64, places.to_vec());
    while let Some(path) = open.pop() {
        match in_directory(&path, &mut open) {
            Ok(found) => bytes = bytes.saturating_add(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return u64::MAX,
        }
    }
    bytes
}

/// Bytes of the files in a directory; the directories in it are added to `open`.
fn in_directory(path: &Path, open: &mut Vec<PathBuf>) -> io::Result<u64> {
    let mut bytes = 0u64;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
            Ok(metadata) => bytes = bytes.saturating_add(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}
