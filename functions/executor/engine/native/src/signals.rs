//! What batch row detectors look at: counts per row, made in one pass over the sheet.

use std::{collections::HashSet, sync::Arc};

use ade_workbook::{Cell, Grid};
use arrow_array::{ArrayRef, UInt32Array};

/// Counts per row of a sheet.
#[derive(Default)]
pub(crate) struct Signals {
    width: Vec<u32>,
    filled: Vec<u32>,
    text: Vec<u32>,
    numeric: Vec<u32>,
    numeric_or_digit: Vec<u32>,
    word_hits: Vec<u32>,
}

impl Signals {
    /// Scans every row. `words` are lower case; a hit is a text cell without "@" that has one of them among its tokens
    /// (runs of letters and digits).
    pub(crate) fn scan(grid: &Grid, words: &HashSet<String>) -> Self {
        let mut signals = Self::default();
        let mut token = String::new();
        for row in grid.rows() {
            let (mut filled, mut text, mut numeric, mut digit, mut hits) = (0, 0, 0, 0, 0);
            for &cell in row {
                match cell {
                    Cell::Empty => continue,
                    Cell::Text(index) => {
                        let value = grid.text(index);
                        if value.trim().is_empty() {
                            continue;
                        }
                        text += 1;
                        digit += u32::from(value.chars().any(char::is_numeric));
                        if !words.is_empty() && !value.contains('@') {
                            hits += u32::from(has_word(value, words, &mut token));
                        }
                    }
                    Cell::Int(_) | Cell::Float(_) => numeric += 1,
                    Cell::DateTime(_) | Cell::Time(_) | Cell::Duration(_) => digit += 1,
                    Cell::Bool(_) => {}
                }
                filled += 1;
            }
            signals.width.push(row.len() as u32);
            signals.filled.push(filled);
            signals.text.push(text);
            signals.numeric.push(numeric);
            signals.numeric_or_digit.push(numeric + digit);
            signals.word_hits.push(hits);
        }
        signals
    }

    /// The counts by name.
    pub(crate) fn into_arrays(self) -> [(&'static str, ArrayRef); 6] {
        let array = |counts: Vec<u32>| Arc::new(UInt32Array::from(counts)) as ArrayRef;
        [
            ("width", array(self.width)),
            ("filled", array(self.filled)),
            ("text", array(self.text)),
            ("numeric", array(self.numeric)),
            ("numeric_or_digit", array(self.numeric_or_digit)),
            ("word_hits", array(self.word_hits)),
        ]
    }
}

/// Text cells per row that are one of `texts` (lower case, trimmed), case and white space around them aside.
pub(crate) fn cell_hits(grid: &Grid, texts: &HashSet<String>) -> ArrayRef {
    let longest = texts.iter().map(String::len).max().unwrap_or_default();
    let mut lower = String::new();
    let mut is_hit = |cell: Cell| {
        let Cell::Text(index) = cell else { return false };
        let text = grid.text(index).trim();
        // What is longer in ASCII stays longer in lower case, and most of a sheet is.
        if text.is_empty() || (text.len() > longest && text.is_ascii()) {
            return false;
        }
        lower_into(text, &mut lower);
        texts.contains(lower.as_str())
    };
    let counts = grid.rows().map(|row| row.iter().filter(|&&cell| is_hit(cell)).count() as u32);
    Arc::new(UInt32Array::from_iter_values(counts))
}

fn has_word(value: &str, words: &HashSet<String>, token: &mut String) -> bool {
    value.split(|c: char| !c.is_alphanumeric()).any(|part| {
        lower_into(part, token);
        words.contains(token.as_str())
    })
}

fn lower_into(text: &str, lower: &mut String) {
    lower.clear();
    if text.is_ascii() {
        lower.push_str(text);
        lower.make_ascii_lowercase();
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}
