/// Bounds on what a file may expand to. They protect memory, so they hold whatever the file claims about itself.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the file itself.
    pub file_bytes: u64,
    /// Bytes of all members of a zip container, decompressed.
    pub expanded_bytes: u64,
    /// Cells of one sheet, blanks between values included.
    pub cells: u64,
    /// Entries of the table of strings that all sheets of a workbook share.
    pub shared_strings: u64,
}

impl Default for Limits {
    /// 1 GiB of file, 4 GiB expanded, 50 million cells (about 800 MiB of memory), 20 million shared strings (as much again).
    fn default() -> Self {
        Self { file_bytes: 1 << 30, expanded_bytes: 4 << 30, cells: 50_000_000, shared_strings: 20_000_000 }
    }
}

/// Where a scan gives up on emptiness. `None` never gives up.
#[derive(Debug, Clone, Copy)]
pub struct ScanCaps {
    /// Stop the sheet after this many empty rows in a row.
    pub empty_rows: Option<u32>,
    /// Cut a row at a gap of this many empty cells.
    pub empty_cols: Option<u32>,
}

impl Default for ScanCaps {
    fn default() -> Self {
        Self { empty_rows: Some(1000), empty_cols: Some(500) }
    }
}
