//! Columns of a sheet: Arrow arrays where every value is of one type, Python lists where they are mixed.

use std::{ptr::NonNull, sync::Arc};

use ade_workbook::{Cell, Grid};
use arrow_array::{
    ArrayRef, BooleanArray, DurationMicrosecondArray, Float64Array, Int64Array, NullArray, StringViewArray, Time64NanosecondArray,
    TimestampMicrosecondArray,
    builder::{StringViewBuilder, make_view},
};
use arrow_buffer::{Buffer, NullBufferBuilder, ScalarBuffer};

/// Views address texts by 32-bit offsets; a sheet with more text than this is copied instead.
const MAX_VIEW_OFFSET: usize = i32::MAX as usize;

/// Rows of a table: ranges of sheet rows from 0, end exclusive.
pub(crate) type Ranges = [(usize, usize)];

/// A typed column, or `None` when its values are of types that no single Arrow type keeps.
pub(crate) fn typed(grid: &Grid, ranges: &Ranges, column: usize) -> Option<ArrayRef> {
    let cells = || ranges.iter().flat_map(|&(start, end)| start..end).map(|row| grid.cell(row, column));
    let mut seen = Seen::default();
    for cell in cells() {
        seen.add(cell);
    }
    let length = ranges.iter().map(|(start, end)| end - start).sum();
    Some(match seen.0 {
        0 => Arc::new(NullArray::new(length)),
        Seen::BOOL => Arc::new(
            cells()
                .map(|cell| match cell {
                    Cell::Bool(value) => Some(value),
                    _ => None,
                })
                .collect::<BooleanArray>(),
        ),
        Seen::INT => Arc::new(
            cells()
                .map(|cell| match cell {
                    Cell::Int(value) => Some(value),
                    _ => None,
                })
                .collect::<Int64Array>(),
        ),
        Seen::FLOAT | Seen::INT_AND_FLOAT => Arc::new(
            cells()
                .map(|cell| match cell {
                    Cell::Int(value) => Some(value as f64),
                    Cell::Float(value) => Some(value),
                    _ => None,
                })
                .collect::<Float64Array>(),
        ),
        Seen::TEXT => texts(grid, cells(), length),
        Seen::DATETIME => Arc::new(
            cells()
                .map(|cell| match cell {
                    Cell::DateTime(micros) => Some(micros),
                    _ => None,
                })
                .collect::<TimestampMicrosecondArray>(),
        ),
        Seen::TIME => Arc::new(
            cells()
                .map(|cell| match cell {
                    Cell::Time(micros) => Some(micros * 1000),
                    _ => None,
                })
                .collect::<Time64NanosecondArray>(),
        ),
        Seen::DURATION => Arc::new(
            cells()
                .map(|cell| match cell {
                    Cell::Duration(micros) => Some(micros),
                    _ => None,
                })
                .collect::<DurationMicrosecondArray>(),
        ),
        _ => return None,
    })
}

/// Which types of value a column holds.
#[derive(Default)]
struct Seen(u8);

impl Seen {
    const BOOL: u8 = 1;
    const INT: u8 = 2;
    const FLOAT: u8 = 4;
    const INT_AND_FLOAT: u8 = Self::INT | Self::FLOAT;
    const TEXT: u8 = 8;
    const DATETIME: u8 = 16;
    const TIME: u8 = 32;
    const DURATION: u8 = 64;

    fn add(&mut self, cell: Cell) {
        self.0 |= match cell {
            Cell::Empty => 0,
            Cell::Bool(_) => Self::BOOL,
            Cell::Int(_) => Self::INT,
            Cell::Float(_) => Self::FLOAT,
            Cell::Text(_) => Self::TEXT,
            Cell::DateTime(_) => Self::DATETIME,
            Cell::Time(_) => Self::TIME,
            Cell::Duration(_) => Self::DURATION,
        };
    }
}

/// Text views into the sheet's own text: nothing is copied.
fn texts(grid: &Grid, cells: impl Iterator<Item = Cell>, length: usize) -> ArrayRef {
    let text = Arc::clone(grid.texts());
    if text.len() > MAX_VIEW_OFFSET {
        return copied_texts(grid, cells, length);
    }
    let mut views = Vec::with_capacity(length);
    let mut nulls = NullBufferBuilder::new(length);
    for cell in cells {
        if let Cell::Text(index) = cell {
            views.push(make_view(grid.text(index).as_bytes(), 0, grid.text_start(index) as u32));
            nulls.append_non_null();
        } else {
            views.push(0);
            nulls.append_null();
        }
    }
    let pointer = NonNull::from(text.as_bytes()).cast::<u8>();
    // SAFETY: the pointer and length are those of a string that is never changed and that the buffer keeps alive.
    let buffer = unsafe { Buffer::from_custom_allocation(pointer, text.len(), text) };
    // SAFETY: every view was made from a text of this grid with its own offset, so it is in bounds, valid UTF-8 and
    // carries the right prefix.
    Arc::new(unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(views), Arc::from([buffer]), nulls.finish()) })
}

fn copied_texts(grid: &Grid, cells: impl Iterator<Item = Cell>, length: usize) -> ArrayRef {
    let mut builder = StringViewBuilder::with_capacity(length);
    for cell in cells {
        match cell {
            Cell::Text(index) => builder.append_value(grid.text(index)),
            _ => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}
