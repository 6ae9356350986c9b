//! The floor under the engine's numbers: a bare copy of the first sheet, calamine in and `rust_xlsxwriter` out.
//!
//! `cargo run --release -p ade-workbook --example copy -- IN.xlsx OUT.xlsx`

use std::error::Error;

use calamine::{Data, Reader, Xlsx, open_workbook};
use rust_xlsxwriter::{Format, Workbook};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: copy IN.xlsx OUT.xlsx".into());
    };
    let mut source: Xlsx<_> = open_workbook(input)?;
    let name = source.sheet_names().first().cloned().ok_or("the workbook has no sheets")?;
    let range = source.worksheet_range(&name)?;
    let date = Format::new().set_num_format("yyyy-mm-dd h:mm:ss");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    for (row, cells) in range.rows().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let (row, column) = (u32::try_from(row)?, u16::try_from(column)?);
            match cell {
                Data::Empty => continue,
                Data::Int(value) => sheet.write_number(row, column, *value as f64)?,
                Data::Float(value) => sheet.write_number(row, column, *value)?,
                Data::Bool(value) => sheet.write_boolean(row, column, *value)?,
                Data::DateTime(value) => sheet.write_number_with_format(row, column, value.as_f64(), &date)?,
                text => sheet.write_string(row, column, text.to_string())?,
            };
        }
    }
    workbook.save(output)?;
    Ok(())
}
