//! Workbooks made on the spot, read back through the public door.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Cursor, Read, Write};

use ade_workbook::{Cell, DelimitedOptions, Grid, Kind, Limits, OpenError, ScanCaps, Uncomputed, Visibility, Workbook, probe};
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format};

const CFB_MAGIC: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

/// A value as a test says it.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Nothing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

fn xlsx(sheets: &[(&str, Vec<Vec<Value>>)]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, rows) in sheets {
        let sheet = book.add_worksheet();
        sheet.set_name(*name).unwrap();
        for (row, cells) in rows.iter().enumerate() {
            for (column, value) in cells.iter().enumerate() {
                let (row, column) = (row as u32, column as u16);
                match value {
                    Value::Nothing => continue,
                    Value::Bool(value) => sheet.write_boolean(row, column, *value).unwrap(),
                    Value::Int(value) => sheet.write_number(row, column, *value as f64).unwrap(),
                    Value::Float(value) => sheet.write_number(row, column, *value).unwrap(),
                    Value::Text(value) => sheet.write_string(row, column, value).unwrap(),
                };
            }
        }
    }
    book.save_to_buffer().unwrap()
}

fn open(bytes: Vec<u8>, name: &str) -> Result<Workbook, OpenError> {
    Workbook::open(Cursor::new(bytes), name, &Limits::default(), DelimitedOptions::default())
}

fn read(bytes: Vec<u8>, name: &str) -> Grid {
    open(bytes, name).unwrap().read_sheet(0, ScanCaps::default()).unwrap()
}

fn values(grid: &Grid) -> Vec<Vec<Value>> {
    let value = |cell: &Cell| match *cell {
        Cell::Empty => Value::Nothing,
        Cell::Bool(value) => Value::Bool(value),
        Cell::Int(value) => Value::Int(value),
        Cell::Float(value) => Value::Float(value),
        Cell::Text(index) => Value::Text(grid.text(index).to_owned()),
        other => panic!("unexpected {other:?}"),
    };
    grid.rows().map(|row| row.iter().map(value).collect()).collect()
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[test]
fn sheets_have_names_and_states() {
    let mut book = rust_xlsxwriter::Workbook::new();
    book.add_worksheet().set_name("Front").unwrap();
    book.add_worksheet().set_name("Back").unwrap().set_hidden(true);
    book.add_worksheet().set_name("Deep").unwrap().set_very_hidden(true);
    book.add_worksheet().set_name("Active").unwrap().set_active(true);
    let book = open(book.save_to_buffer().unwrap(), "a.xlsx").unwrap();
    let found: Vec<_> = book.sheets().iter().map(|sheet| (sheet.name.as_str(), sheet.visibility)).collect();
    assert_eq!(
        found,
        [("Front", Visibility::Visible), ("Back", Visibility::Hidden), ("Deep", Visibility::VeryHidden), ("Active", Visibility::Visible)]
    );
    assert_eq!(book.active(), Some(3));
}

#[test]
fn dates_times_and_durations_are_told_apart() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let write = |column, serial: f64, format: &str| {
        sheet.write_number_with_format(0, column, serial, &Format::new().set_num_format(format)).unwrap();
    };
    let mut write = write;
    write(0, 45_292.5, "yyyy-mm-dd hh:mm");
    write(1, 0.25, "h:mm");
    write(2, 1.5, "[hh]:mm:ss");
    write(3, 45_292.5, "0.0");
    let date = ExcelDateTime::from_ymd(2024, 2, 29).unwrap();
    sheet.write_datetime_with_format(1, 0, &date, &Format::new().set_num_format("d mmm yyyy")).unwrap();
    let grid = read(book.save_to_buffer().unwrap(), "a.xlsx");
    let day = 86_400_000_000;
    assert_eq!(
        grid.row(0),
        [Cell::DateTime(19_723 * day + day / 2), Cell::Time(day / 4), Cell::Duration(day * 3 / 2), Cell::Float(45_292.5)]
    );
    assert_eq!(grid.row(1), [Cell::DateTime(19_782 * day)]);
}

#[test]
fn empty_rows_stop_a_scan_and_wide_gaps_cut_a_row() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "first").unwrap();
    sheet.write_string(0, 30, "far").unwrap();
    sheet.write_string(50, 0, "deep").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let caps = ScanCaps { empty_rows: Some(20), empty_cols: Some(10) };
    let grid = open(bytes.clone(), "a.xlsx").unwrap().read_sheet(0, caps).unwrap();
    assert!(grid.stopped_early);
    assert_eq!((grid.height(), grid.width(), grid.truncated_rows), (21, 1, 1));
    let all = open(bytes, "a.xlsx").unwrap().read_sheet(0, ScanCaps { empty_rows: None, empty_cols: None }).unwrap();
    assert_eq!((all.height(), all.width(), all.stopped_early), (51, 31, false));
}

#[test]
fn what_does_not_open_says_why() {
    let encrypted = [&CFB_MAGIC[..], &[0; 504], &"EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat();
    let good = xlsx(&[("A", vec![vec![text("x")]])]);
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("a.xlsx", vec![], "empty"),
        ("a.csv", vec![], "empty"),
        ("a.xlsx", b"hello".to_vec(), "kind_mismatch"),
        ("a.csv", good.clone(), "kind_mismatch"),
        ("a.xlsb", good.clone(), "kind_mismatch"),
        ("a.ods", good.clone(), "kind_mismatch"),
        ("a.xlsx", encrypted, "encrypted"),
        ("a.xlsx", good[..good.len() / 2].to_vec(), "corrupt"),
        ("a.pdf", b"%PDF-1.7".to_vec(), "unsupported_kind"),
        ("README", b"text".to_vec(), "unsupported_kind"),
        ("a.xls", [&CFB_MAGIC[..], &[0xFF; 4096]].concat(), "corrupt"),
    ];
    for (name, bytes, code) in cases {
        let error = probe(Cursor::new(bytes), name, &Limits::default()).expect_err(name);
        assert_eq!(error.code(), code, "{name}: {error}");
    }
    let found = probe(Cursor::new(good), "Folder/Über.XLSX", &Limits::default()).unwrap();
    assert_eq!((found.kind, found.sheets.len()), (Kind::Xlsx, 1));
}

#[test]
fn limits_hold() {
    let rows = vec![vec![Value::Int(1); 10]; 10];
    let bytes = xlsx(&[("A", rows)]);
    let small = Limits { cells: 99, ..Limits::default() };
    let mut book = Workbook::open(Cursor::new(bytes.clone()), "a.xlsx", &small, DelimitedOptions::default()).unwrap();
    assert_eq!(book.read_sheet(0, ScanCaps::default()).unwrap_err().code(), "too_large");
    for limits in [Limits { file_bytes: 100, ..Limits::default() }, Limits { expanded_bytes: 100, ..Limits::default() }] {
        let error = probe(Cursor::new(bytes.clone()), "a.xlsx", &limits).unwrap_err();
        assert_eq!(error.code(), "too_large");
    }
}

/// The archive says that the sheet has 100 bytes and it has 2 MB: a bomb that lies about itself is never decompressed whole.
#[test]
fn sizes_that_lie_are_found_out() {
    let mut bytes = hand_made(&format!("<worksheet>{}<sheetData/></worksheet>", " ".repeat(2_000_000)));
    for (signature, size_at) in [(b"PK\x01\x02", 24), (b"PK\x03\x04", 22)] {
        let last = memchr::memmem::rfind(&bytes, signature).unwrap() + size_at;
        bytes[last..last + 4].copy_from_slice(&100_u32.to_le_bytes());
    }
    let error = open(bytes, "a.xlsx").and_then(|mut book| book.read_sheet(0, ScanCaps::default())).unwrap_err();
    assert_eq!(error.code(), "corrupt", "{error}");
}

/// A sheet whose cells are not in reading order, as some writers make them.
#[test]
fn cells_out_of_order_are_sorted() {
    let sheet = r#"<worksheet><sheetData>
        <row r="3"><c r="A3"><v>3</v></c></row>
        <row r="1"><c r="B1"><v>2</v></c><c r="A1"><v>1</v></c></row>
        </sheetData></worksheet>"#;
    let bytes = hand_made(sheet);
    assert_eq!(values(&read(bytes, "a.xlsx")), [vec![Value::Int(1), Value::Int(2)], vec![], vec![Value::Int(3)]]);
}

#[test]
fn formulas_errors_and_blanks() {
    let sheet = r#"<worksheet><sheetData><row r="1">
        <c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="e"><v>#N/A</v></c><c r="C1" t="inlineStr"><is><t></t></is></c>
        <c r="D1" t="b"><v>1</v></c><c r="E1" t="str"><f>"a"</f><v>a</v></c><c r="F1"><f>NOW()</f></c>
        </row></sheetData></worksheet>"#;
    let grid = read(hand_made(sheet), "a.xlsx");
    assert_eq!(values(&grid), [vec![Value::Int(2), text("#N/A"), Value::Nothing, Value::Bool(true), text("a")]]);
}

#[test]
fn formulas_without_a_value_are_counted_and_the_first_named() {
    let sheet = r#"<worksheet><sheetData>
        <row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1"><f>A1</f><v></v></c><c r="C1" s="0"/><c r="D1" t="str"><f>""</f><v></v></c></row>
        <row r="3"><c r="A3"><f t="shared" ref="A3:A4" si="0">A1</f></c></row><row r="4"><c r="A4"><f t="shared" si="0"/></c></row>
        </sheetData></worksheet>"#;
    let grid = read(hand_made(sheet), "a.xlsx");
    assert_eq!(grid.uncomputed, Uncomputed { count: 3, first: vec![(0, 1), (2, 0), (3, 0)] });

    let many: Vec<String> = (1..=100).map(|row| format!(r#"<row r="{row}"><c r="A{row}"><f>B{row}</f></c></row>"#)).collect();
    let many = many.concat();
    let grid = read(hand_made(&format!("<worksheet><sheetData>{many}</sheetData></worksheet>")), "a.xlsx");
    assert_eq!((grid.uncomputed.count, grid.uncomputed.first.len()), (100, Uncomputed::MOST_NAMED));
}

#[test]
fn a_formula_that_makes_no_sense_costs_no_values() {
    let sheet =
        r#"<worksheet><sheetData><row r="1"><c r="A1"><f t="shared">1</f><v>7</v></c><c r="B1"><v>8</v></c></row></sheetData></worksheet>"#;
    assert_eq!(values(&read(hand_made(sheet), "a.xlsx")), [vec![Value::Int(7), Value::Int(8)]]);
}

fn hand_made(sheet: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let parts = [
        (
            "_rels/.rels",
            r#"<Relationships><Relationship Id="r0" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        ("xl/workbook.xml", r#"<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"#),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/s.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/s.xml", sheet),
    ];
    for (name, content) in parts {
        archive.start_file(name, zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated)).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nothing),
        any::<bool>().prop_map(Value::Bool),
        (-1_000_000_000_i64..1_000_000_000).prop_map(Value::Int),
        (-1e12..1e12_f64).prop_filter("a fraction", |v| v.fract() != 0.0).prop_map(Value::Float),
        "[a-zA-Z0-9 =é漢🎉]{1,12}".prop_map(Value::Text),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec(any_value(), 0..6), 0..12)) {
        let grid = read(xlsx(&[("A", rows.clone())]), "a.xlsx");
        let mut expected: Vec<Vec<Value>> = rows;
        for row in &mut expected {
            while row.last() == Some(&Value::Nothing) {
                row.pop();
            }
        }
        while expected.last().is_some_and(Vec::is_empty) {
            expected.pop();
        }
        prop_assert_eq!(values(&grid), expected);
    }

    #[test]
    fn damage_is_an_error_or_a_grid_and_never_a_panic(at in 0.0..1.0_f64, with in any::<[u8; 4]>(), cut in 0.2..1.0_f64, name in prop::sample::select(vec!["a.xlsx", "a.xlsb", "a.ods", "a.csv"])) {
        let mut bytes = xlsx(&[("A", vec![vec![text("x"), Value::Int(1)], vec![Value::Float(0.5)]])]);
        let spot = (at * (bytes.len() - 4) as f64) as usize;
        bytes[spot..spot + 4].copy_from_slice(&with);
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        if let Ok(mut book) = open(bytes, name) {
            let _ = book.read_sheet(0, ScanCaps::default());
        }
    }

    #[test]
    fn noise_behind_an_old_magic_never_panics(noise in prop::collection::vec(any::<u8>(), 512..4096)) {
        let bytes = [&CFB_MAGIC[..], &noise].concat();
        prop_assert!(open(bytes, "a.xls").is_err());
    }
}

/// Found by the fuzzer: calamine reserves what the file claims, and memory that can't be had ends the process.
#[test]
fn shared_strings_can_not_be_claimed() {
    let mut archive = zip::ZipWriter::new_append(Cursor::new(hand_made("<worksheet><sheetData/></worksheet>"))).unwrap();
    archive.start_file("xl/sharedStrings.xml", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(br#"<x/><sst uniqueCount="1099511627776"></sst>"#).unwrap();
    let error = open(archive.finish().unwrap().into_inner(), "a.xlsx").unwrap_err();
    assert_eq!(error.code(), "corrupt", "{error}");
}

/// Found by the fuzzer: calamine waits for the end of a table for ever.
#[test]
fn an_ods_that_ends_too_early_is_damaged() {
    for content in ["<a><table:table table:name=\"A\">", "<table:table table:name=\"A\"><table:table-row></a>"] {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in [("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", content)] {
            archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(content.as_bytes()).unwrap();
        }
        let error = open(archive.finish().unwrap().into_inner(), "a.ods").unwrap_err();
        assert_eq!(error.code(), "corrupt", "{error}");
    }
}

/// Tables that are told, and one that tells less than it holds.
#[test]
fn shared_strings_have_a_limit() {
    let told = r#"<sst uniqueCount="11">"#.to_owned() + &"<si><t>x</t></si>".repeat(11) + "</sst>";
    let untold = "<sst>".to_owned() + &"<si/>".repeat(11) + "</sst>";
    for (table, most, opens) in [(&told, 10, false), (&untold, 10, false), (&told, 11, true), (&untold, 11, true)] {
        let mut archive = zip::ZipWriter::new_append(Cursor::new(hand_made("<worksheet><sheetData/></worksheet>"))).unwrap();
        archive.start_file("xl/sharedStrings.xml", zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(table.as_bytes()).unwrap();
        let limits = Limits { shared_strings: most, ..Limits::default() };
        let opened = probe(archive.finish().unwrap(), "a.xlsx", &limits);
        assert_eq!(opened.map_err(|error| error.code()).is_ok(), opens, "{table}");
    }
    for (name, bytes) in [("a.xls", &include_bytes!("seeds/small.xls")[..]), ("a.xlsb", &include_bytes!("seeds/small.xlsb")[..])] {
        let none = Limits { shared_strings: 0, ..Limits::default() };
        assert_eq!(probe(Cursor::new(bytes), name, &none).unwrap_err().code(), "too_large", "{name}");
        probe(Cursor::new(bytes), name, &Limits::default()).unwrap();
    }
}

/// Made by the engine's `tests/xlsb.py`: strings, numbers, a boolean, what formulas came to, a date, an error, a hidden sheet.
#[test]
fn xlsb_is_read() {
    let mut book = open(include_bytes!("seeds/small.xlsb").to_vec(), "a.xlsb").unwrap();
    assert_eq!(book.kind(), Kind::Xlsb);
    let states: Vec<_> = book.sheets().iter().map(|sheet| sheet.visibility).collect();
    assert_eq!(states, [Visibility::Visible, Visibility::Hidden]);
    let grid = book.read_sheet(0, ScanCaps::default()).unwrap();
    let day = 86_400_000_000;
    assert_eq!(grid.row(1)[1..3], [Cell::Float(3.5), Cell::DateTime(19_782 * day + day / 2)]);
    let told = |row: usize, column: usize| match grid.cell(row, column) {
        Cell::Text(index) => grid.text(index).to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!([told(0, 0), told(0, 1), told(0, 3)], ["text", "Int(1)", "Bool(true)"]);
    // An error that is in a cell, and one that a formula came to.
    assert_eq!([told(1, 0), told(1, 3), told(1, 4)], ["cached", "#N/A", "#REF!"]);
}

/// Entries of a directory take several times their size in memory, and what they name costs nothing.
#[test]
fn a_directory_beyond_its_limit_is_not_read() {
    let with = |parts: usize| {
        let mut archive = zip::ZipWriter::new_append(Cursor::new(xlsx(&[("a", vec![vec![Value::Int(1)]])]))).unwrap();
        for part in 0..parts {
            archive.start_file(format!("{part}{}", "x".repeat(60_000)), zip::write::SimpleFileOptions::default()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    };
    open(with(100), "a.xlsx").unwrap();
    assert_eq!(open(with(150), "a.xlsx").unwrap_err().code(), "corrupt");
}

/// Found by the fuzzer: a cell out of order in a column far beyond any sheet's took minutes.
#[test]
fn a_column_that_can_not_be_costs_nothing() {
    let mut archive = zip::ZipArchive::new(Cursor::new(include_bytes!("seeds/small.xlsb"))).unwrap();
    let mut written = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let name = member.name().unwrap().into_owned();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        if name.ends_with("sheet1.bin") {
            // The shared string in A1, once more at the end of the data: column 2^32 - 1 of row 1.
            let end = memchr::memmem::rfind(&content, &[0x92, 0x01]).unwrap();
            let row = [&[0x00, 0x08][..], &0_u32.to_le_bytes(), &[0; 4]].concat();
            let cell = [&[0x07, 0x0C][..], &u32::MAX.to_le_bytes(), &[0; 8]].concat();
            content.splice(end..end, [row, cell].concat());
        }
        written.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        written.write_all(&content).unwrap();
    }
    let grid = read(written.finish().unwrap().into_inner(), "a.xlsb");
    assert_eq!((grid.height(), grid.truncated_rows), (2, 1));
}
