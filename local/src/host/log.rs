//! What functions print, in one file a function, so that a person can read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use tokio::{io::AsyncReadExt, net::unix::pipe};

use super::lock;

/// A file this long is renamed to `<name>.log.1` and a new one begun, so a function keeps at most twice this.
const ROTATE_AT: u64 = 10 * 1024 * 1024;
/// A line longer than this is written in pieces.
const LINE_LIMIT: usize = 64 * 1024;

/// The log file of one function, shared by its environments. Opened by the first line.
pub(super) struct FunctionLog {
    path: PathBuf,
    file: Mutex<Option<(File, u64)>>,
}

impl FunctionLog {
    pub(super) fn new(directory: &Path, function: &str) -> Self {
        Self { path: directory.join(format!("{function}.log")), file: Mutex::new(None) }
    }

    /// Copies what comes out of `output`, whole lines at a time so that environments do not mix within a line, until
    /// every writer has closed it.
    pub(super) async fn capture(&self, mut output: pipe::Receiver) {
        let mut buffer = Vec::with_capacity(4096);
        loop {
            match output.read_buf(&mut buffer).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(log = %self.path.display(), %error, "cannot read a function's output");
                    break;
                }
            }
            let whole = match buffer.iter().rposition(|&byte| byte == b'\n') {
                Some(newline) => newline + 1,
                None if buffer.len() >= LINE_LIMIT => buffer.len(),
                None => continue,
            };
            self.append(&buffer[..whole]);
            buffer.drain(..whole);
        }
        if !buffer.is_empty() {
            buffer.push(b'\n');
            self.append(&buffer);
        }
    }

    /// Appends to the file. A write to the page cache is short enough for an async thread; a log that cannot be
    /// written is reported and does not stop the function.
    pub(super) fn append(&self, bytes: &[u8]) {
        if let Err(error) = self.try_append(bytes) {
            tracing::warn!(log = %self.path.display(), %error, "cannot write a function's log");
        }
    }

    fn try_append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut slot = lock(&self.file);
        if slot.as_ref().is_some_and(|(_, length)| *length >= ROTATE_AT) {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *slot = None;
        }
        let (file, length) = match slot.take() {
            Some(open) => slot.insert(open),
            None => slot.insert(self.open()?),
        };
        file.write_all(bytes)?;
        *length += bytes.len() as u64;
        Ok(())
    }

    fn open(&self) -> io::Result<(File, u64)> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_long_log_is_rotated_once_and_stays_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let log = FunctionLog::new(directory.path(), "ade-health");
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..35 {
            log.try_append(&line).unwrap();
        }
        let length = |name: &str| fs::metadata(directory.path().join(name)).unwrap().len();
        assert_eq!(length("ade-health.log.1"), ROTATE_AT);
        assert_eq!(length("ade-health.log"), 5 * 1024 * 1024);
    }

    #[tokio::test]
    async fn lines_of_two_writers_do_not_mix() {
        let directory = tempfile::tempdir().unwrap();
        let log = FunctionLog::new(directory.path(), "f");
        let capture = |parts: [&[u8]; 2]| {
            let (reader, mut writer) = io::pipe().unwrap();
            for part in parts {
                writer.write_all(part).unwrap();
            }
            log.capture(pipe::Receiver::from_owned_fd(reader.into()).unwrap())
        };
        tokio::join!(capture([b"one\ntw", b"o\n"]), capture([b"three\n", b"no newline"]));
        let text = fs::read_to_string(directory.path().join("f.log")).unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["no newline", "one", "three", "two"]);
    }
}
