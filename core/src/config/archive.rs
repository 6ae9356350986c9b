//! Configs as zip archives: how people bring files in and take them out.
//!
//! An archive is hostile until proven otherwise. What it says about itself is checked first, entry by entry, and everything that is wrong is
//! told at once; then each file is unpacked within the size that it claims. Nothing is written anywhere before all of it is known to be good.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Cursor, Read as _, Write as _};

use bytes::Bytes;
use zip::read::ZipFileEntry;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::files::ConfigPath;
use super::snapshot::{FILE_LIMIT, FileSet, SIZE_LIMIT};

/// Most bytes of an archive.
pub const ARCHIVE_LIMIT: u64 = SIZE_LIMIT;
/// How many entries are told to be wrong.
const ISSUE_LIMIT: usize = 100;
/// Most entries that are looked at, files and directories.
const ENTRY_LIMIT: usize = 16_384;
/// What kind of file a mode says it is: its mask, a regular file, a directory, a symbolic link (POSIX `sys/stat.h`).
const MODE: [u32; 4] = [0o170_000, 0o100_000, 0o040_000, 0o120_000];
/// What an entry of the directory starts with, how long it is before its name, and where its lengths are (APPNOTE 4.3.12).
const ENTRY: (&[u8], usize, [usize; 3]) = (b"PK\x01\x02", 46, [28, 30, 32]);

/// What is wrong with an entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryIssue {
    /// Its name; empty when it is about the archive.
    pub entry: String,
    /// What is wrong, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

/// Why an archive is not a config.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is no zip archive, or damaged.
    #[error("this is not a zip archive that can be read: {0}")]
    Unreadable(String),
    /// Some of its entries can't be files of a config.
    #[error("the archive has entries that can't be files of a config")]
    Refused(Vec<EntryIssue>),
}

/// The files in a zip archive.
pub(super) fn read_archive(archive: &[u8]) -> Result<FileSet, ArchiveError> {
    let unreadable = |error: zip::result::ZipError| ArchiveError::Unreadable(error.to_string());
    // Each entry takes some hundred bytes of memory, and millions fit in.
    if archive.windows(ENTRY.0.len()).filter(|bytes| *bytes == ENTRY.0).nth(ENTRY_LIMIT).is_some() {
        return Err(ArchiveError::Unreadable(format!("it has more than {ENTRY_LIMIT} entries")));
    }
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(unreadable)?;
    let paths = checked(archive, &zip)?;
    let mut files = FileSet::new();
    for (path, index) in paths {
        let damaged = |why: String| ArchiveError::Refused(vec![EntryIssue { entry: path.to_string(), code: "damaged", message: why }]);
        let entry = zip.by_index(index).map_err(|error| damaged(error.to_string()))?;
        let (size, mut content) = (entry.size(), Vec::new());
        entry.take(size + 1).read_to_end(&mut content).map_err(|error| damaged(error.to_string()))?;
        if content.len() as u64 != size {
            return Err(damaged(format!("it has not the {size} bytes that it claims")));
        }
        files.insert(path, content.into());
    }
    Ok(files)
}

/// The paths of the files in an archive and their positions, if every entry is good.
fn checked(archive: &[u8], zip: &ZipArchive<Cursor<&[u8]>>) -> Result<BTreeMap<ConfigPath, usize>, ArchiveError> {
    let mut issues = Issues(Vec::new());
    let (mut paths, mut folded, mut size) = (BTreeMap::new(), BTreeMap::<String, ConfigPath>::new(), 0_u64);
    if zip.has_duplicate_names() {
        issues.add(repeated(archive, zip.central_directory_start()), "duplicate", "it is in the archive more than once");
    }
    let metadata = zip.metadata();
    for index in 0..metadata.len() {
        if issues.0.len() == ISSUE_LIMIT {
            break;
        }
        let entry = metadata.entry(index).map_err(|error| ArchiveError::Unreadable(error.to_string()))?;
        let name = entry.name().map_or_else(|_| String::from_utf8_lossy(entry.name_raw()).into_owned(), std::borrow::Cow::into_owned);
        if let Some((code, message)) = oddity(&entry) {
            issues.add(name, code, message);
            continue;
        }
        let path = match name.strip_suffix('/').unwrap_or(&name).parse::<ConfigPath>() {
            Ok(path) => path,
            Err(error) => {
                issues.add(name, "invalid_path", error.to_string());
                continue;
            }
        };
        if entry.is_dir() {
            continue;
        }
        if entry.size() > path.size_limit() {
            issues.add(name, "too_large", format!("a file with this name has at most {} bytes", path.size_limit()));
            continue;
        }
        size = size.saturating_add(entry.size());
        if let Some(other) = folded.insert(name.to_lowercase(), path.clone()) {
            issues.add(name, "case_conflict", format!("it differs from {other} in capital letters only"));
        }
        paths.insert(path, index);
    }
    for path in paths.keys().filter(|path| path.directories().any(|directory| paths.contains_key(&directory))) {
        issues.add(path.to_string(), "path_conflict", "it is below something that is a file");
    }
    if paths.len() > FILE_LIMIT {
        issues.add(String::new(), "too_many_files", format!("a config has at most {FILE_LIMIT} files"));
    }
    if size > SIZE_LIMIT {
        issues.add(String::new(), "too_large", format!("a config has at most {} MiB", SIZE_LIMIT >> 20));
    }
    if paths.is_empty() && issues.0.is_empty() {
        issues.add(String::new(), "empty", "it has no files");
    }
    if issues.0.is_empty() { Ok(paths) } else { Err(ArchiveError::Refused(issues.0)) }
}

struct Issues(Vec<EntryIssue>);

impl Issues {
    fn add(&mut self, entry: String, code: &'static str, message: impl Into<String>) {
        if self.0.len() < ISSUE_LIMIT {
            self.0.push(EntryIssue { entry, code, message: message.into() });
        }
    }
}

/// Why an entry is nothing that a config can hold, whatever it is called.
fn oddity(entry: &ZipFileEntry<'_>) -> Option<(&'static str, &'static str)> {
    let [mask, regular, directory, link] = MODE;
    match entry.unix_mode().map_or(0, |mode| mode & mask) {
        kind if kind == link => return Some(("symlink", "it is a symbolic link")),
        kind if kind != 0 && kind != regular && kind != directory => return Some(("special_file", "it is neither a file nor a directory")),
        _ => {}
    }
    if entry.encrypted() {
        return Some(("encrypted", "it is encrypted"));
    }
    let known = matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated);
    (!known).then_some(("unsupported_compression", "it is compressed in a way that is not supported; use deflate"))
}

/// A name that is in the directory twice, which readers of archives pass over.
fn repeated(archive: &[u8], start: u64) -> String {
    let (signature, length, lengths) = ENTRY;
    let (mut at, mut seen) = (start as usize, HashSet::new());
    while let Some(entry) = archive.get(at..).filter(|rest| rest.starts_with(signature) && rest.len() >= length) {
        let [name, extra, comment] = lengths.map(|place| usize::from(u16::from_le_bytes([entry[place], entry[place + 1]])));
        let Some(text) = entry.get(length..length + name) else { break };
        if !seen.insert(text) {
            return String::from_utf8_lossy(text).into_owned();
        }
        at += length + name + extra + comment;
    }
    String::new()
}

/// A zip archive of files that depends on nothing but them.
pub(super) fn write_archive(files: &FileSet) -> io::Result<Bytes> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    for (path, content) in files {
        writer.start_file(path.as_str(), options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn stored() -> SimpleFileOptions {
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
    }

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, stored()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// The entries that are refused, and why.
    fn refused(archive: &[u8]) -> Vec<(String, &'static str)> {
        match read_archive(archive).unwrap_err() {
            ArchiveError::Refused(issues) => issues.into_iter().map(|issue| (issue.entry, issue.code)).collect(),
            ArchiveError::Unreadable(why) => vec![(why, "unreadable")],
        }
    }

    #[test]
    fn entries_that_can_not_be_files_are_named() {
        let bad = ["../up.py", "/etc/passwd", "a/../../b", "c:/x", "a\\..\\b", ".git/config", "src/__pycache__/x.pyc"];
        let entries: Vec<(&str, &[u8])> = bad.iter().map(|name| (*name, &b"x"[..])).collect();
        let found = refused(&archive(&entries));
        assert_eq!(found.len(), bad.len(), "{found:?}");
        assert!(found.iter().all(|(name, code)| *code == "invalid_path" && !name.is_empty()), "{found:?}");
        assert_eq!(refused(&archive(&[("a.txt", b""), ("A.txt", b"")])), [("A.txt".to_owned(), "case_conflict")]);
        assert_eq!(refused(&archive(&[("a", b""), ("a/b", b"")])), [("a/b".to_owned(), "path_conflict")]);
        assert_eq!(refused(&archive(&[("large.py", &vec![b' '; (512 << 10) + 1])])), [("large.py".to_owned(), "too_large")]);
        assert_eq!(refused(&archive(&[])), [(String::new(), "empty")]);
        assert_eq!(refused(b"PK, but no archive")[0].1, "unreadable");
        // Whoever counts entries by reading them holds them all.
        let entries = [ENTRY.0, &[0; ENTRY.1 - 4]].concat().repeat(ENTRY_LIMIT + 1);
        assert_eq!(
            refused(&[&archive(&[("a.txt", b"")])[..], &entries].concat()),
            [("it has more than 16384 entries".to_owned(), "unreadable")]
        );
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc/passwd", stored()).unwrap();
        assert_eq!(refused(&writer.finish().unwrap().into_inner()), [("link".to_owned(), "symlink")]);
        let many: Vec<(String, Vec<u8>)> = (0..=FILE_LIMIT).map(|index| (format!("{index}.txt"), Vec::new())).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        assert_eq!(refused(&archive(&many)), [(String::new(), "too_many_files")]);
    }

    /// One name twice: writers refuse that, so two names are made one.
    #[test]
    fn a_name_that_is_there_twice_is_named() {
        let mut bytes = archive(&[("same", b"1"), ("size", b"2")]);
        let places: Vec<usize> = bytes.windows(4).enumerate().filter(|(_, name)| *name == b"size").map(|(at, _)| at).collect();
        for at in places {
            bytes[at..at + 4].copy_from_slice(b"same");
        }
        assert_eq!(refused(&bytes), [("same".to_owned(), "duplicate")]);
    }

    /// Small archives that unpack to more than a config may have, and one that lies about it.
    #[test]
    fn bombs_do_not_go_off() {
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for index in 0..20 {
            writer.start_file(format!("{index}.bin"), deflated).unwrap();
            writer.write_all(&vec![0; 4 << 20]).unwrap();
        }
        let bomb = writer.finish().unwrap().into_inner();
        assert!(bomb.len() < 1 << 20);
        assert_eq!(refused(&bomb), [(String::new(), "too_large")]);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("lies.bin", deflated).unwrap();
        writer.write_all(&vec![0; 1 << 20]).unwrap();
        let mut lies = writer.finish().unwrap().into_inner();
        for (signature, size_at) in [(b"PK\x01\x02", 24), (b"PK\x03\x04", 22)] {
            let at = lies.windows(4).rposition(|window| window == signature).unwrap() + size_at;
            lies[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
        }
        assert_eq!(refused(&lies), [("lies.bin".to_owned(), "damaged")]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(files in proptest::collection::btree_map("([a-zé]{1,20}/){0,3}[0-9]{1,20}", proptest::collection::vec(any::<u8>(), 0..200), 1..6)) {
            let files: FileSet = files.into_iter().map(|(path, content)| (path.parse().unwrap(), content.into())).collect();
            let packed = write_archive(&files).unwrap();
            prop_assert_eq!(&write_archive(&files).unwrap(), &packed);
            prop_assert_eq!(read_archive(&packed).unwrap(), files);
        }

        #[test]
        fn damage_is_told(at in any::<proptest::sample::Index>(), with in any::<u8>(), cut in any::<proptest::sample::Index>()) {
            let mut bytes = archive(&[("a.py", b"content"), ("b/c.txt", b"more")]);
            let at = at.index(bytes.len());
            bytes[at] = with;
            bytes.truncate(bytes.len() - cut.index(bytes.len()) / 4);
            let _ = read_archive(&bytes);
        }
    }
}
