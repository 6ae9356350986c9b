//! Readers that stop at a limit, whatever the file claims.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// Most bytes between two marks of an XML reader: a text, a tag. Excel's longest text has 32,767 characters.
const TOKEN_BYTES: u64 = 8 << 20;

/// A source that fails after so many bytes: looking for something in it comes to an end.
#[derive(Debug)]
pub(crate) struct Metered<R> {
    inner: R,
    left: u64,
}

impl<R> Metered<R> {
    pub(crate) fn new(inner: R, bytes: u64) -> Self {
        Self { inner, left: bytes }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other("its directory is too large"))?;
        Ok(read)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

/// What an XML reader reads: it holds a whole token in memory, so tokens have a limit, and so has everything together.
#[derive(Debug)]
pub(crate) struct Tokens<R> {
    inner: R,
    token: u64,
    left: u64,
}

impl<R> Tokens<R> {
    pub(crate) fn new(inner: R, bytes: u64) -> Self {
        Self { inner, token: TOKEN_BYTES, left: bytes }
    }

    /// A token ends here.
    pub(crate) fn mark(&mut self) {
        self.token = TOKEN_BYTES;
    }

    /// Whether everything that may be read was read.
    pub(crate) fn spent(&self) -> bool {
        self.left == 0
    }
}

impl<R: Read> Read for Tokens<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: BufRead> BufRead for Tokens<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.token == 0 || self.left == 0 {
            return Err(io::Error::other("it holds a text that is too long"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.token = self.token.saturating_sub(amount as u64);
        self.left = self.left.saturating_sub(amount as u64);
        self.inner.consume(amount);
    }
}
