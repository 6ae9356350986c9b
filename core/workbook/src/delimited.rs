//! Delimited text: encoding, delimiter, records.
//!
//! Records are split by the rules of Python's `csv.reader` (non-strict): a quote counts only at the start of a field,
//! a doubled quote inside is a quote, what follows a closing quote is appended, and a blank line is a record without fields.

use std::borrow::Cow;

use crate::{
    Grid, GridBuilder, OpenError,
    limits::{Limits, ScanCaps},
};

const DELIMITERS: [u8; 4] = *b",;\t|";
const SAMPLE_RECORDS: usize = 200;
const SAMPLE_BYTES: usize = 256 * 1024;

/// How text was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// Windows code page 1252: what is left when text is not valid UTF-8.
    Windows1252,
}

impl Encoding {
    /// The name people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "windows-1252",
        }
    }
}

/// What may be assumed about delimited text.
#[derive(Debug, Clone, Copy)]
pub struct DelimitedOptions {
    /// Find the encoding and the delimiter; otherwise the text must be UTF-8 with commas.
    pub detect: bool,
}

impl Default for DelimitedOptions {
    fn default() -> Self {
        Self { detect: true }
    }
}

/// What was found out about delimited text while reading it.
#[derive(Debug, Clone, Copy)]
pub struct Delimited {
    /// Its encoding.
    pub encoding: Encoding,
    /// The delimiter between fields.
    pub delimiter: char,
    /// The last quoted field never ends.
    pub unterminated_quote: bool,
    /// Records whose number of fields differs from the most common one.
    pub ragged_records: usize,
    /// The first of them, from 1.
    pub first_ragged_record: Option<usize>,
}

/// Reads a whole text into a grid.
pub(crate) fn read(bytes: &[u8], options: DelimitedOptions, limits: &Limits, caps: ScanCaps) -> Result<(Grid, Delimited), OpenError> {
    let (text, encoding) = decode(bytes, options)?;
    let delimiter = if options.detect { detect_delimiter(&text) } else { b',' };
    let mut builder = GridBuilder::new(limits, caps);
    let mut records = Records::new(&text, delimiter);
    let mut shapes = Shapes::default();
    let mut row = 0;
    let mut fields = Vec::new();
    while !builder.stopped() && records.next_into(&mut fields) {
        shapes.add(row, fields.len());
        builder.push_text_row(row, fields.iter().map(Cow::as_ref))?;
        row += 1;
    }
    let (ragged_records, first_ragged_record) = shapes.ragged();
    let found = Delimited {
        encoding,
        delimiter: char::from(delimiter),
        unterminated_quote: records.unterminated_quote,
        ragged_records,
        first_ragged_record,
    };
    Ok((builder.finish(row), found))
}

/// Checks that bytes are text in an encoding we read.
pub(crate) fn check(bytes: &[u8], options: DelimitedOptions) -> Result<(), OpenError> {
    decode(bytes, options).map(|_| ())
}

fn decode(bytes: &[u8], options: DelimitedOptions) -> Result<(Cow<'_, str>, Encoding), OpenError> {
    if let Some(rest) = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]) {
        return utf8(rest).map(|text| (text, Encoding::Utf8));
    }
    if !options.detect {
        return utf8(bytes).map(|text| (text, Encoding::Utf8));
    }
    Ok(match utf16(bytes) {
        Some(encoding) => {
            let decoder = if encoding == Encoding::Utf16Le { encoding_rs::UTF_16LE } else { encoding_rs::UTF_16BE };
            (decoder.decode_with_bom_removal(bytes).0, encoding)
        }
        None => match std::str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), Encoding::Utf8),
            Err(_) => (encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0, Encoding::Windows1252),
        },
    })
}

/// The encoding of a text by its beginning; when that is `cut`, it may end in the middle of a character.
pub(crate) fn detect_encoding(beginning: &[u8], cut: bool) -> Encoding {
    let is_utf8 = || match std::str::from_utf8(beginning) {
        Ok(_) => true,
        Err(error) => cut && error.error_len().is_none(),
    };
    let marked = beginning.starts_with(&[0xEF, 0xBB, 0xBF]);
    match utf16(beginning).filter(|_| !marked) {
        Some(encoding) => encoding,
        None if marked || is_utf8() => Encoding::Utf8,
        None => Encoding::Windows1252,
    }
}

fn utf16(bytes: &[u8]) -> Option<Encoding> {
    match bytes {
        [0xFF, 0xFE, ..] => Some(Encoding::Utf16Le),
        [0xFE, 0xFF, ..] => Some(Encoding::Utf16Be),
        _ => looks_like_utf16(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, OpenError> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| OpenError::Encoding { expected: "UTF-8", offset: error.valid_up_to() })
}

/// UTF-16 without a byte order mark: Latin text has a zero in every other byte, always on the same side.
pub(crate) fn looks_like_utf16(bytes: &[u8]) -> Option<Encoding> {
    let sample = &bytes[..bytes.len().min(4096) & !1];
    let pairs = sample.len() / 2;
    if pairs < 2 {
        return None;
    }
    let zeros = |side: usize| sample.iter().skip(side).step_by(2).filter(|&&byte| byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, odd) if odd * 10 >= pairs * 4 => Some(Encoding::Utf16Le),
        (even, 0) if even * 10 >= pairs * 4 => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// The delimiter that splits most of the sample's records into the same number of fields, more than one.
/// Ties go to the order comma, semicolon, tab, bar.
pub(crate) fn detect_delimiter(text: &str) -> u8 {
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let sample = &text[..end];
    let mut best = (0.0, b',');
    for delimiter in DELIMITERS {
        let mut records = Records::new(sample, delimiter);
        let mut fields = Vec::new();
        let mut shapes = Shapes::default();
        let mut row = 0;
        while row < SAMPLE_RECORDS && records.next_into(&mut fields) {
            shapes.add(row, fields.len());
            row += 1;
        }
        // Agreement says that the delimiter is structure, not punctuation; more fields break ties between two that agree.
        let (fields, agreeing) = shapes.common();
        let agreement = agreeing as f64 / shapes.records.max(1) as f64;
        let score = if fields > 1 { agreement + (fields.min(100) as f64) / 1000.0 } else { 0.0 };
        if score > best.0 {
            best = (score, delimiter);
        }
    }
    best.1
}

/// How many records have how many fields; blank lines don't count.
#[derive(Default)]
struct Shapes {
    records: usize,
    counts: std::collections::BTreeMap<usize, (usize, usize)>,
}

impl Shapes {
    fn add(&mut self, row: usize, fields: usize) {
        if fields > 0 {
            self.records += 1;
            self.counts.entry(fields).or_insert((0, row)).0 += 1;
        }
    }

    /// The most common number of fields (the larger on a tie) and how many records have it.
    fn common(&self) -> (usize, usize) {
        self.counts
            .iter()
            .max_by_key(|(fields, (records, _))| (*records, **fields))
            .map_or((0, 0), |(fields, (records, _))| (*fields, *records))
    }

    fn ragged(&self) -> (usize, Option<usize>) {
        let (common, agreeing) = self.common();
        let first = self.counts.iter().filter(|(fields, _)| **fields != common).map(|(_, (_, row))| row + 1).min();
        (self.records - agreeing, first)
    }
}

/// Splits text into records.
pub(crate) struct Records<'a> {
    text: &'a str,
    at: usize,
    delimiter: u8,
    unterminated_quote: bool,
}

impl<'a> Records<'a> {
    pub(crate) fn new(text: &'a str, delimiter: u8) -> Self {
        Self { text, at: 0, delimiter, unterminated_quote: false }
    }

    /// Where the next record starts.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Puts the next record's fields into `fields`; false at the end of the text.
    pub(crate) fn next_into(&mut self, fields: &mut Vec<Cow<'a, str>>) -> bool {
        fields.clear();
        if self.at >= self.text.len() {
            return false;
        }
        if self.take_line_end() {
            return true;
        }
        loop {
            fields.push(self.field());
            match self.text.as_bytes().get(self.at) {
                Some(&byte) if byte == self.delimiter => self.at += 1,
                _ => {
                    self.take_line_end();
                    return true;
                }
            }
        }
    }

    fn take_line_end(&mut self) -> bool {
        match &self.text.as_bytes()[self.at..] {
            [b'\r', b'\n', ..] => self.at += 2,
            [b'\r' | b'\n', ..] => self.at += 1,
            _ => return false,
        }
        true
    }

    fn field(&mut self) -> Cow<'a, str> {
        if self.text.as_bytes().get(self.at) != Some(&b'"') {
            return Cow::Borrowed(self.plain());
        }
        self.at += 1;
        let mut value = Cow::Borrowed(self.quoted_part());
        while self.text.as_bytes().get(self.at) == Some(&b'"') {
            self.at += 1;
            value.to_mut().push('"');
            value.to_mut().push_str(self.quoted_part());
        }
        let rest = self.plain();
        if !rest.is_empty() {
            value.to_mut().push_str(rest);
        }
        value
    }

    /// Up to the next quote, which is taken too.
    fn quoted_part(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        if let Some(length) = memchr::memchr(b'"', rest.as_bytes()) {
            self.at += length + 1;
            &rest[..length]
        } else {
            self.at = self.text.len();
            self.unterminated_quote = true;
            rest
        }
    }

    /// Up to the next delimiter or line end, which are left.
    fn plain(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = memchr::memchr3(self.delimiter, b'\r', b'\n', rest.as_bytes()).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn records(text: &str) -> Vec<Vec<String>> {
        let mut reader = Records::new(text, b',');
        let (mut all, mut fields) = (Vec::new(), Vec::new());
        while reader.next_into(&mut fields) {
            all.push(fields.iter().map(ToString::to_string).collect());
        }
        all
    }

    #[test]
    fn splits_like_python() {
        assert_eq!(records("a,b\r\n\r\nc\n"), [vec!["a", "b"], vec![], vec!["c"]]);
        assert_eq!(records("\"a,\"\"b\"\"\nc\",d"), [vec!["a,\"b\"\nc", "d"]]);
        assert_eq!(records("x\"y\",\"a\"b"), [vec!["x\"y\"", "ab"]]);
        assert_eq!(records("a,\n,b"), [vec!["a", ""], vec!["", "b"]]);
    }

    #[test]
    fn finds_delimiters() {
        assert_eq!(detect_delimiter("name;amount\nA, Inc.;1,50\nB;2,25\n"), b';');
        assert_eq!(detect_delimiter("a\tb\tc\n1\t2\t3\n"), b'\t');
        assert_eq!(detect_delimiter("one column\nonly\n"), b',');
        assert_eq!(detect_delimiter("a|b\n1|2\n"), b'|');
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(rows in prop::collection::vec(prop::collection::vec("[^\u{0}]{0,8}", 1..5), 1..8)) {
            let text: String = rows
                .iter()
                .map(|row| row.iter().map(|f| format!("\"{}\"", f.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\n")
                .collect();
            prop_assert_eq!(records(&text), rows);
        }

        #[test]
        fn any_bytes_are_text_in_some_encoding(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (grid, _) = read(&bytes, DelimitedOptions::default(), &Limits::default(), ScanCaps::default()).unwrap();
            prop_assert!(grid.width() <= bytes.len() + 1);
        }
    }
}
