//! Bytes to lines, however they are cut into chunks.

use std::borrow::Cow;

/// Longest line that is kept whole, in bytes.
pub const LINE_LIMIT: usize = 64 << 10;

/// Cuts a byte stream into lines. Holds at most one line's first [`LINE_LIMIT`] bytes.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// The line is longer than `partial`.
    longer: bool,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its bytes, at most [`LINE_LIMIT`].
    pub(super) bytes: Cow<'a, [u8]>,
    /// Whether it went on.
    pub(super) truncated: bool,
}

impl Splitter {
    /// The lines that end in `chunk`. What is after the last of them is kept for the next chunk; the iterator must be used up.
    pub(super) fn split<'a>(&'a mut self, chunk: &'a [u8]) -> Split<'a> {
        Split { splitter: self, rest: chunk }
    }

    /// The last line, when the stream ended without ending it.
    pub(super) fn finish(&mut self) -> Option<Line<'static>> {
        (!self.partial.is_empty()).then(|| self.take_line(&[]))
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_LIMIT - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.longer |= bytes.len() > room;
    }

    fn take_line(&mut self, end: &[u8]) -> Line<'static> {
        self.keep(end);
        let (bytes, truncated) = (std::mem::take(&mut self.partial), std::mem::take(&mut self.longer));
        Line { bytes: Cow::Owned(bytes), truncated }.trimmed()
    }
}

/// The lines that end in a chunk.
#[derive(Debug)]
pub(super) struct Split<'a> {
    splitter: &'a mut Splitter,
    rest: &'a [u8],
}

impl<'a> Iterator for Split<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let Some(end) = memchr::memchr(b'\n', self.rest) else {
            self.splitter.keep(self.rest);
            self.rest = &[];
            return None;
        };
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        if !self.splitter.partial.is_empty() {
            return Some(self.splitter.take_line(line));
        }
        let truncated = line.len() > LINE_LIMIT;
        Some(Line { bytes: Cow::Borrowed(&line[..line.len().min(LINE_LIMIT)]), truncated }.trimmed())
    }
}

impl Line<'_> {
    /// Without the carriage return of a `\r\n`.
    fn trimmed(mut self) -> Self {
        if !self.truncated && self.bytes.ends_with(b"\r") {
            match &mut self.bytes {
                Cow::Borrowed(bytes) => *bytes = &bytes[..bytes.len() - 1],
                Cow::Owned(bytes) => drop(bytes.pop()),
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        for chunk in chunks {
            found.extend(splitter.split(chunk).map(|line| (line.bytes.into_owned(), line.truncated)));
            assert!(splitter.partial.len() <= LINE_LIMIT);
        }
        found.extend(splitter.finish().map(|line| (line.bytes.into_owned(), line.truncated)));
        found
    }

    /// Text with lines around the limit, where cutting matters.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\r".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..40),
            (LINE_LIMIT - 2..LINE_LIMIT + 3).prop_map(|length| vec![b'x'; length]),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn the_same_lines_however_the_stream_is_cut(text in text(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.sort_unstable();
            let (mut chunks, mut from) = (Vec::new(), 0);
            for to in at.into_iter().chain([text.len()]) {
                chunks.push(&text[from..to]);
                from = to;
            }
            prop_assert_eq!(lines(&chunks), lines(&[&text]));
        }

        #[test]
        fn short_lines_are_what_was_printed(printed in proptest::collection::vec("[a-z é]{0,20}", 0..50)) {
            let text: String = printed.iter().flat_map(|line| [line, "\n"]).collect();
            let expected: Vec<_> = printed.iter().map(|line| (line.as_bytes().to_vec(), false)).collect();
            prop_assert_eq!(lines(&[text.as_bytes()]), expected);
        }
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let found = lines(&[&vec![b'x'; LINE_LIMIT], &[b'y'; 10], b"\nz"]);
        assert_eq!(found.iter().map(|(line, cut)| (line.len(), *cut)).collect::<Vec<_>>(), [(LINE_LIMIT, true), (1, false)]);
    }
}
