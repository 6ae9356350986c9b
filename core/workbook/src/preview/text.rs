//! Pages of delimited text, read from its beginning.
//!
//! Encoding and delimiter are found in the beginning, by the rules that the engine has for the whole: a small file is decided by all
//! of it. In a large one whose beginning is UTF-8, bytes further on that are not are shown as replacement characters.

use std::borrow::Cow;
use std::io::{Read as _, Seek as _, SeekFrom};

use encoding_rs::{CoderResult, Decoder};

use super::{SheetPage, Window};
use crate::delimited::{Records, detect_delimiter, detect_encoding};
use crate::workbook::Source;
use crate::{Encoding, GridBuilder, Limits, OpenError, ScanCaps};

/// What is read to find out about the encoding.
const SAMPLE_BYTES: u64 = 4 << 20;
/// What is read at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Longest record: a quote that never ends makes one record of all that follows.
const RECORD_BYTES: usize = 8 << 20;

/// An open text.
pub(super) struct Text {
    source: Box<dyn Source>,
    byte_size: u64,
    scan_bytes: u64,
    found: Option<(Encoding, u8)>,
}

impl Text {
    pub(super) fn new(source: Box<dyn Source>, byte_size: u64, scan_bytes: u64) -> Self {
        Self { source, byte_size, scan_bytes, found: None }
    }

    pub(super) fn found(&self) -> Option<(Encoding, char)> {
        self.found.map(|(encoding, delimiter)| (encoding, char::from(delimiter)))
    }

    /// A part of the text's only sheet.
    pub(super) fn page(&mut self, window: &Window) -> Result<SheetPage, OpenError> {
        let mut sample = Vec::new();
        self.source.seek(SeekFrom::Start(0))?;
        self.source.by_ref().take(SAMPLE_BYTES).read_to_end(&mut sample)?;
        let encoding = detect_encoding(&sample, self.byte_size > SAMPLE_BYTES);
        let mut text = Decoded::new(encoding, sample, self.scan_bytes);
        text.more(&mut self.source)?;
        let delimiter = detect_delimiter(&text.ready);
        self.found = Some((encoding, delimiter));

        let limits = Limits { cells: 4_000_000, ..Limits::default() };
        let mut builder = GridBuilder::new(&limits, ScanCaps { empty_rows: None, empty_cols: None });
        let (mut row, mut last, mut width, mut more) = (0, 0, 0, false);
        'pages: loop {
            let (mut records, mut fields) = (Records::new(&text.ready, delimiter), Vec::new());
            let read = loop {
                let start = records.position();
                // The end of what is here may be in the middle of a record.
                if !records.next_into(&mut fields) || (records.position() == text.ready.len() && !text.ended) {
                    break start;
                }
                if fields.iter().any(|field| !field.is_empty()) {
                    if row >= window.end() {
                        more = true;
                        break 'pages;
                    }
                    last = row + 1;
                }
                if row >= window.offset && row < window.end() {
                    width = width.max(fields.len());
                    builder.push_text_row(row - window.offset, fields.iter().take(window.columns).map(Cow::as_ref))?;
                }
                row += 1;
            };
            if text.ended && read == text.ready.len() {
                break;
            }
            text.ready.drain(..read);
            text.more(&mut self.source)?;
        }
        let grid = builder.finish(last.saturating_sub(window.offset).min(window.rows));
        let ended = (!more).then_some(last as u64);
        Ok(SheetPage { grid, more, height: ended, width: ended.map(|_| width as u64) })
    }
}

/// Text as it is decoded, piece by piece.
struct Decoded {
    decoder: Decoder,
    /// What was read and is not decoded yet.
    bytes: Vec<u8>,
    /// What is decoded and not dropped yet.
    ready: String,
    ended: bool,
    left: u64,
    limit: u64,
}

impl Decoded {
    fn new(encoding: Encoding, bytes: Vec<u8>, limit: u64) -> Self {
        let decoder = match encoding {
            Encoding::Utf8 => encoding_rs::UTF_8.new_decoder_with_bom_removal(),
            Encoding::Utf16Le => encoding_rs::UTF_16LE.new_decoder_with_bom_removal(),
            Encoding::Utf16Be => encoding_rs::UTF_16BE.new_decoder_with_bom_removal(),
            Encoding::Windows1252 => encoding_rs::WINDOWS_1252.new_decoder_without_bom_handling(),
        };
        Self { decoder, bytes, ready: String::new(), ended: false, left: limit, limit }
    }

    /// Decodes another piece of the source, which stands behind what was read before.
    fn more(&mut self, source: &mut Box<dyn Source>) -> Result<(), OpenError> {
        if self.ready.len() > RECORD_BYTES {
            return Err(OpenError::TooLarge { what: "the size in bytes of a record (is a quote not closed?)", limit: RECORD_BYTES as u64 });
        }
        let read = source.take(PIECE_BYTES as u64).read_to_end(&mut self.bytes)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or(OpenError::TooLarge { what: "how far into a text is looked, in bytes,", limit: self.limit })?;
        self.ended = read == 0;
        self.ready.reserve(self.decoder.max_utf8_buffer_length(self.bytes.len()).unwrap_or_default());
        let (result, _, _) = self.decoder.decode_to_string(&self.bytes, &mut self.ready, self.ended);
        debug_assert_eq!(result, CoderResult::InputEmpty, "there is room");
        self.bytes.clear();
        Ok(())
    }
}
