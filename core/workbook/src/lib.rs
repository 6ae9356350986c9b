//! Reading workbooks: xlsx, xlsm, xlsb, xls, ods and delimited text.
//!
//! The input is hostile until proven otherwise. Every way in — a path, bytes, any `Read + Seek` — goes through
//! the same three gates: the content must be what the file name says ([`kind`]), the container must not expand past
//! [`Limits`] and no parser panic may leave the crate ([`guard`]). What comes out is a [`Grid`]: compact rows of
//! [`Cell`]s typed the way openpyxl types them, because that is what rules written for spreadsheets in Python expect.
//!
//! Three questions are asked of this crate: "does this file open?" ([`probe`]), "what is in it?" ([`Workbook`]) and "what do its
//! first rows look like?" ([`Preview`]), which is answered without reading the rest.

#![forbid(unsafe_code)]

mod biff;
mod biff12;
mod cell;
mod container;
mod delimited;
mod error;
mod grid;
mod guard;
mod kind;
mod limits;
mod metered;
mod preview;
mod shown;
mod workbook;

pub use cell::Cell;
pub use delimited::{Delimited, DelimitedOptions, Encoding};
pub use error::OpenError;
pub use grid::{Grid, GridBuilder, Rows, Uncomputed};
pub use kind::Kind;
pub use limits::{Limits, ScanCaps};
pub use preview::{Preview, PreviewLimits, SheetPage, Window};
pub use workbook::{Probe, Sheet, Visibility, Workbook, probe};
