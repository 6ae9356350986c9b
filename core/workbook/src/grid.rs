use std::{collections::HashMap, ops::Range, sync::Arc};

use crate::{
    Cell, OpenError,
    cell::Raw,
    limits::{Limits, ScanCaps},
};

/// Shared texts at least this long are stored once per grid, however many cells show them. Shorter ones cost less
/// stored again than looked up, and a cell can then never multiply a long text into a bomb.
const SHARE_FROM_BYTES: usize = 64;

/// The rows of one sheet. Row `i` is sheet row `i + 1` and starts at column A; each ends after its last value.
///
/// Cells are 16 bytes in one allocation and texts are one string, so a grid costs little more than its content.
#[derive(Debug, Default)]
pub struct Grid {
    cells: Vec<Cell>,
    row_ends: Vec<usize>,
    text: Arc<String>,
    text_ends: Vec<u32>,
    width: usize,
    /// The scan stopped at the cap of empty rows.
    pub stopped_early: bool,
    /// Rows that were cut at the cap of empty cells.
    pub truncated_rows: usize,
    /// Formulas that the workbook holds no value of. Their cells are empty.
    pub uncomputed: Uncomputed,
}

/// Formulas without a value: whoever saved the workbook did not compute them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncomputed {
    /// How many there are.
    pub count: usize,
    /// Row and column of the first [`Uncomputed::MOST_NAMED`], from 0.
    pub first: Vec<(usize, usize)>,
}

impl Uncomputed {
    /// Cells that are named; a sheet may have millions.
    pub const MOST_NAMED: usize = 20;

    pub(crate) fn add(&mut self, row: u32, column: u32) {
        self.count += 1;
        if self.first.len() < Self::MOST_NAMED {
            self.first.push((row as usize, column as usize));
        }
    }
}

/// Iterator over the rows of a [`Grid`].
#[derive(Debug)]
pub struct Rows<'a> {
    grid: &'a Grid,
    next: usize,
}

impl Grid {
    /// How many rows there are.
    pub fn height(&self) -> usize {
        self.row_ends.len()
    }

    /// Cells in the longest row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many cells are stored, blanks between values included.
    pub fn cell_count(&self) -> usize {
        self.cells.len()
    }

    /// The cells of a row; rows that do not exist are empty.
    pub fn row(&self, index: usize) -> &[Cell] {
        let Some(&end) = self.row_ends.get(index) else { return &[] };
        let start = index.checked_sub(1).map_or(0, |before| self.row_ends[before]);
        &self.cells[start..end]
    }

    /// One cell; what lies outside is empty.
    pub fn cell(&self, row: usize, column: usize) -> Cell {
        self.row(row).get(column).copied().unwrap_or(Cell::Empty)
    }

    /// The text of a [`Cell::Text`] of this grid.
    pub fn text(&self, index: u32) -> &str {
        let index = index as usize;
        let Some(&end) = self.text_ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.text_ends[before]);
        &self.text[start as usize..end as usize]
    }

    /// Where the text of a [`Cell::Text`] starts in [`Grid::texts`].
    pub fn text_start(&self, index: u32) -> usize {
        (index as usize).checked_sub(1).and_then(|before| self.text_ends.get(before)).map_or(0, |&end| end as usize)
    }

    /// All texts, one after the other; they may outlive the grid.
    pub fn texts(&self) -> &Arc<String> {
        &self.text
    }

    /// The same grid with nothing but some columns; rows and columns keep their numbers.
    #[must_use]
    pub fn columns(&self, kept: Range<usize>) -> Self {
        let mut cells = Vec::new();
        let mut row_ends = Vec::with_capacity(self.row_ends.len());
        let mut width = 0;
        for row in self.rows() {
            let start = cells.len();
            let last = row.iter().take(kept.end).rposition(|cell| !cell.is_empty());
            if let Some(last) = last.filter(|&last| last >= kept.start) {
                cells.resize(start + kept.start, Cell::Empty);
                cells.extend_from_slice(&row[kept.start..=last]);
            }
            width = width.max(cells.len() - start);
            row_ends.push(cells.len());
        }
        Self { cells, row_ends, text: Arc::clone(&self.text), text_ends: self.text_ends.clone(), width, ..Self::default() }
    }

    /// Some rows of the grid as a grid of their own, with at most so many columns.
    #[must_use]
    pub fn part(&self, rows: Range<usize>, columns: usize) -> Self {
        let (mut cells, mut row_ends, mut width) = (Vec::new(), Vec::new(), 0);
        for row in rows.start..rows.end.min(self.height()) {
            let row = self.row(row);
            let row = &row[..row.len().min(columns)];
            cells.extend_from_slice(row);
            width = width.max(row.len());
            row_ends.push(cells.len());
        }
        Self { cells, row_ends, text: Arc::clone(&self.text), text_ends: self.text_ends.clone(), width, ..Self::default() }
    }

    /// All rows, in order.
    pub fn rows(&self) -> Rows<'_> {
        Rows { grid: self, next: 0 }
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = &'a [Cell];

    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.grid.height()).then(|| {
            self.next += 1;
            self.grid.row(self.next - 1)
        })
    }
}

/// Builds a [`Grid`] from cells in reading order, applying caps and limits on the way.
#[derive(Debug)]
pub struct GridBuilder {
    grid: Grid,
    text: String,
    caps: ScanCaps,
    cell_limit: u64,
    shared: HashMap<(usize, usize), u32>,
    /// Row being filled, and how many rows in a row before it were empty.
    row: usize,
    row_start: usize,
    empty_run: u32,
    cut: bool,
    stopped: bool,
}

impl GridBuilder {
    /// An empty grid that will obey `limits` and `caps`.
    pub fn new(limits: &Limits, caps: ScanCaps) -> Self {
        Self {
            grid: Grid::default(),
            text: String::new(),
            caps,
            cell_limit: limits.cells,
            shared: HashMap::new(),
            row: 0,
            row_start: 0,
            empty_run: 0,
            cut: false,
            stopped: false,
        }
    }

    /// Whether the scan has reached the cap of empty rows: nothing further will be taken.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Takes one cell. Positions must not go back: readers deliver rows in order (see `workbook::sorted`).
    pub(crate) fn push(&mut self, row: usize, column: usize, value: &Raw<'_>) -> Result<(), OpenError> {
        while self.row < row && !self.stopped {
            self.end_row();
        }
        if self.stopped || self.cut {
            return Ok(());
        }
        let filled = self.grid.cells.len() - self.row_start;
        let blank = matches!(value, Raw::Cell(Cell::Empty) | Raw::Text("") | Raw::Shared(""));
        if blank || column < filled {
            return Ok(());
        }
        let gap = column - filled;
        if self.caps.empty_cols.is_some_and(|cap| gap >= cap as usize) {
            self.cut = true;
            self.grid.truncated_rows += 1;
            return Ok(());
        }
        if (self.grid.cells.len() + gap) as u64 >= self.cell_limit {
            return Err(OpenError::TooLarge { what: "the number of cells in a sheet", limit: self.cell_limit });
        }
        self.grid.cells.resize(self.grid.cells.len() + gap, Cell::Empty);
        let cell = match value {
            Raw::Cell(cell) => *cell,
            Raw::Text(text) => Cell::Text(self.store(text)?),
            Raw::Shared(text) => Cell::Text(self.store_shared(text)?),
        };
        self.grid.cells.push(cell);
        Ok(())
    }

    /// Takes a whole row of texts (delimited files).
    pub(crate) fn push_text_row<'t>(&mut self, row: usize, fields: impl Iterator<Item = &'t str>) -> Result<(), OpenError> {
        for (column, field) in fields.enumerate() {
            if !field.is_empty() {
                self.push(row, column, &Raw::Text(field))?;
            }
        }
        Ok(())
    }

    /// The finished grid, `height` rows high at least (trailing rows without values are kept when the source had them).
    pub fn finish(mut self, height: usize) -> Grid {
        while !self.stopped && (self.row < height || self.grid.cells.len() > self.row_start) {
            self.end_row();
        }
        self.grid.stopped_early = self.stopped;
        self.grid.cells.shrink_to_fit();
        self.text.shrink_to_fit();
        self.grid.text = Arc::new(self.text);
        self.grid
    }

    fn end_row(&mut self) {
        let end = self.grid.cells.len();
        let length = end - self.row_start;
        self.grid.width = self.grid.width.max(length);
        self.empty_run = if length == 0 { self.empty_run + 1 } else { 0 };
        self.grid.row_ends.push(end);
        self.row += 1;
        self.row_start = end;
        self.cut = false;
        self.stopped = self.caps.empty_rows.is_some_and(|cap| self.empty_run >= cap);
    }

    fn store(&mut self, text: &str) -> Result<u32, OpenError> {
        let index = u32::try_from(self.grid.text_ends.len());
        let end = u32::try_from(self.text.len() + text.len());
        let (Ok(index), Ok(end)) = (index, end) else {
            return Err(OpenError::TooLarge { what: "the text of a sheet in bytes", limit: u64::from(u32::MAX) });
        };
        self.text.push_str(text);
        self.grid.text_ends.push(end);
        Ok(index)
    }

    fn store_shared(&mut self, text: &str) -> Result<u32, OpenError> {
        if text.len() < SHARE_FROM_BYTES {
            return self.store(text);
        }
        let address = (text.as_ptr() as usize, text.len());
        if let Some(&index) = self.shared.get(&address) {
            return Ok(index);
        }
        let index = self.store(text)?;
        self.shared.insert(address, index);
        Ok(index)
    }
}
