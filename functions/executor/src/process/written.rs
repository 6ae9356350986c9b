use std::path::PathBuf;

/// Bytes of all files below these directories. Files come and go while they are counted, and what can't be looked at does not count: who
/// hides a file below a path that is too long can't publish it either.
pub(super) fn written(places: &[PathBuf]) -> u64 {
    let (mut bytes, mut open) = (0u64, places.to_vec());
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
                Ok(metadata) => bytes = bytes.saturating_add(metadata.len()),
                Err(_) => {}
            }
        }
    }
    bytes
}
