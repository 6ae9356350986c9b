//! Excerpts of xlsx workbooks.
//!
//! The rows of a page are copied out of the sheet's XML into a small workbook of their own, together with the shared strings that they
//! refer to, and that workbook is read like any other: so a value is shown as the type that the engine reads it as. Neither the rest
//! of the sheet nor the rest of the table of strings is held.

use std::collections::HashMap;
use std::io::{BufReader, Cursor, Read as _, Write as _};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, Writer, XmlVersion};
use zip::read::ZipFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{SheetPage, Window};
use crate::metered::Tokens;
use crate::workbook::Source;
use crate::{DelimitedOptions, Kind, Limits, OpenError, ScanCaps, Sheet, Workbook};

/// Most bytes of each part that is held: the workbook, its relations, its styles.
const PART_BYTES: u64 = 16 << 20;
/// Most bytes that are copied for a page.
const EXCERPT_BYTES: usize = 32 << 20;
/// The last row and column of a sheet, from 1.
const LAST: (u64, u64) = (1 << 20, 1 << 14);

/// An xlsx archive.
pub(super) struct Package {
    archive: ZipArchive<Box<dyn Source>>,
    /// Names of its parts in lower case and with slashes, and as they are. Careless writers name parts in any case and with either slash.
    names: HashMap<String, String>,
    /// Where the workbook's parts are, with a slash at its end.
    directory: String,
    /// The parts that a workbook can't be read without, but for sheets and strings.
    common: Vec<(String, Vec<u8>)>,
    /// The parts of the worksheets, in order.
    targets: Vec<String>,
    sheets: Vec<Sheet>,
    active: Option<usize>,
    scan_bytes: u64,
}

type Xml<'a> = Reader<Tokens<BufReader<ZipFile<'a, Box<dyn Source>>>>>;

impl Package {
    /// Opens a workbook whose directory is known to be within its limit.
    pub(super) fn open(source: Box<dyn Source>, scan_bytes: u64) -> Result<Self, OpenError> {
        let archive = ZipArchive::new(source).map_err(corrupt)?;
        let names: HashMap<String, String> =
            archive.file_names().flatten().map(|name| (name.replace('\\', "/").to_ascii_lowercase(), name.into_owned())).collect();
        let workbook = names.keys().filter(|name| name.rsplit('/').next() == Some("workbook.xml")).min_by_key(|name| name.len());
        let workbook = workbook.cloned().ok_or_else(|| corrupt("no workbook was found in its zip container"))?;
        let directory = workbook.strip_suffix("workbook.xml").unwrap_or_default().to_owned();
        let mut package =
            Self { archive, names, common: Vec::new(), targets: Vec::new(), sheets: Vec::new(), active: None, directory, scan_bytes };
        let relations = format!("{}_rels/workbook.xml.rels", package.directory);
        let styles = format!("{}styles.xml", package.directory);
        for name in [&workbook, &relations, &styles] {
            if let Some(content) = package.part(name)? {
                package.common.push((name.clone(), content));
            }
        }
        let root = format!(
            "<Relationships><Relationship Id=\"r\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
             Target=\"{}workbook.xml\"/></Relationships>",
            package.directory
        );
        package.common.push(("_rels/.rels".to_owned(), root.into_bytes()));
        let book = package.excerpt(&[])?;
        package.sheets = book.sheets().to_vec();
        package.active = book.active();
        package.targets = package.worksheets(&workbook, &relations)?;
        Ok(package)
    }

    pub(super) fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    pub(super) fn active(&self) -> Option<usize> {
        self.active
    }

    /// A part of a sheet.
    pub(super) fn page(&mut self, sheet: usize, window: &Window) -> Result<SheetPage, OpenError> {
        let target = self.targets.get(sheet).cloned().ok_or(OpenError::NoSuchSheet { index: sheet })?;
        let cells = self.cells(&target, window)?;
        let strings = self.strings(&cells.strings, cells.xml.len())?;
        let strings_name = format!("{}sharedstrings.xml", self.directory);
        let mut book = self.excerpt(&[(&target, &cells.xml), (&strings_name, &strings)])?;
        let grid = book.read_sheet(sheet, ScanCaps { empty_rows: None, empty_cols: None })?;
        // A sheet that ends on this page has been counted.
        let counted = (!cells.more && grid.height() > 0).then_some((window.offset + grid.height()) as u64);
        let (height, width) = cells.size.unzip();
        Ok(SheetPage { grid, more: cells.more, height: counted.or(height), width })
    }

    /// A workbook of the common parts and these.
    fn excerpt(&self, parts: &[(&str, &[u8])]) -> Result<Workbook, OpenError> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let common = self.common.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
        for (name, content) in common.chain(parts.iter().copied()) {
            writer.start_file(name, stored).map_err(corrupt)?;
            writer.write_all(content)?;
        }
        let bytes = writer.finish().map_err(corrupt)?;
        let limits = Limits { file_bytes: u64::MAX, expanded_bytes: u64::MAX, cells: 4_000_000, shared_strings: 1_000_000 };
        Workbook::open(bytes, "excerpt.xlsx", &limits, DelimitedOptions::default())
    }

    /// A part as it is; `None` when there is none.
    fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, OpenError> {
        let Some(name) = self.names.get(name) else { return Ok(None) };
        let mut content = Vec::new();
        self.archive.by_name(name).map_err(corrupt)?.take(PART_BYTES + 1).read_to_end(&mut content).map_err(corrupt)?;
        if content.len() as u64 > PART_BYTES {
            return Err(OpenError::TooLarge { what: "the size in bytes of a part that every sheet needs", limit: PART_BYTES });
        }
        Ok(Some(content))
    }

    /// The parts of the worksheets, in the workbook's order.
    fn worksheets(&self, workbook: &str, relations: &str) -> Result<Vec<String>, OpenError> {
        let part = |name: &str| self.common.iter().find(|(common, _)| common == name).map_or(&[][..], |(_, content)| content.as_slice());
        let mut targets = HashMap::new();
        each_element(part(relations), "Relationship", |element| {
            let (id, target, kind) = (attribute(element, "Id")?, attribute(element, "Target")?, attribute(element, "Type")?);
            if kind.rsplit('/').next() == Some("worksheet") {
                let target = target.replace('\\', "/").to_ascii_lowercase();
                let path = target.strip_prefix('/').map_or_else(|| format!("{}{target}", self.directory), str::to_owned);
                targets.insert(id, path);
            }
            Ok(())
        })?;
        let mut found = Vec::new();
        each_element(part(workbook), "sheet", |element| {
            for attribute in element.attributes().flatten() {
                if attribute.key.local_name().as_ref() == "id"
                    && let Some(path) = targets.get(&*attribute.value)
                {
                    found.push(path.clone());
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// A part as a stream of XML events.
    fn xml(&mut self, name: &str) -> Result<Xml<'_>, OpenError> {
        let name = self.names.get(name).ok_or_else(|| corrupt(format!("{name} is missing")))?;
        let part = self.archive.by_name(name).map_err(corrupt)?;
        let mut reader = Reader::from_reader(Tokens::new(BufReader::with_capacity(64 << 10, part), self.scan_bytes));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = false;
        Ok(reader)
    }

    /// The cells of a window, moved to the first row.
    fn cells(&mut self, target: &str, window: &Window) -> Result<Cells, OpenError> {
        let scan_bytes = self.scan_bytes;
        let mut xml = self.xml(target)?;
        let mut cells = Cells::default();
        let mut buffer = Vec::new();
        // Where the next cell is when it does not say so, and whether this row or cell is before or after the window.
        let (mut row, mut column, mut before, mut after) = (0_u64, 0_u64, false, false);
        let (first, end) = (window.offset as u64, window.end() as u64);
        cells.xml.extend_from_slice(b"<worksheet><sheetData>");
        loop {
            buffer.clear();
            match next(&mut xml, &mut buffer, scan_bytes)? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "dimension" => cells.size = element.try_get_attribute("ref").ok().flatten().and_then(|area| size(&area.value)),
                    "row" => {
                        column = 0;
                        let told = element.try_get_attribute("r").ok().flatten().and_then(|r| r.value.trim().parse::<u64>().ok());
                        row = told.map_or(row, |told| told.saturating_sub(1));
                        (before, after) = (told.is_some() && row < first, told.is_some() && row >= end);
                    }
                    "c" if before => {}
                    "c" => {
                        if let Some(told) = element.try_get_attribute("r").ok().flatten() {
                            (row, column) = position(&told.value).ok_or_else(|| corrupt("a cell is where no cell can be"))?;
                        }
                        let at = (row, column);
                        column += 1;
                        after = at.0 >= end;
                        if at.0 >= first && !after && at.1 < window.columns as u64 {
                            let element = element.into_owned();
                            cells.copy(&mut xml, &element, (at.0 - first, at.1), scan_bytes)?;
                        }
                    }
                    "v" | "is" if after => {
                        cells.more = true;
                        break;
                    }
                    _ => {}
                },
                Event::End(element) => match element.local_name().as_ref() {
                    "row" => (row, column) = (row + 1, 0),
                    "sheetData" => break,
                    _ => {}
                },
                Event::Eof => return Err(corrupt("a sheet ends too early")),
                _ => {}
            }
        }
        cells.xml.extend_from_slice(b"</sheetData></worksheet>");
        Ok(cells)
    }

    /// A table of the shared strings that are wanted, by their new numbers.
    fn strings(&mut self, wanted: &HashMap<u64, usize>, taken: usize) -> Result<Vec<u8>, OpenError> {
        let Some(last) = wanted.keys().max() else { return Ok(b"<sst/>".to_vec()) };
        let name = format!("{}sharedstrings.xml", self.directory);
        let scan_bytes = self.scan_bytes;
        let mut xml = self.xml(&name)?;
        let mut found = vec![Vec::new(); wanted.len()];
        let (mut index, mut taken, mut buffer) = (0, taken, Vec::new());
        while index <= *last {
            buffer.clear();
            match next(&mut xml, &mut buffer, scan_bytes)? {
                Event::Start(element) if element.local_name().as_ref() == "si" => {
                    if let Some(&number) = wanted.get(&index) {
                        let mut writer = Writer::new(Vec::new());
                        writer.write_event(Event::Start(element.into_owned()))?;
                        copy_to_end(&mut xml, "si", &mut writer, scan_bytes, EXCERPT_BYTES.saturating_sub(taken))?;
                        found[number] = writer.into_inner();
                        taken += found[number].len();
                    }
                    index += 1;
                }
                Event::Eof => return Err(corrupt("a cell refers to a shared string that is not there")),
                _ => {}
            }
        }
        Ok([&b"<sst>"[..], &found.concat(), b"</sst>"].concat())
    }
}

/// Cells of a sheet on their way into an excerpt.
#[derive(Default)]
struct Cells {
    xml: Vec<u8>,
    /// The numbers of the shared strings that they refer to, and their new ones.
    strings: HashMap<u64, usize>,
    /// There is a value below.
    more: bool,
    size: Option<(u64, u64)>,
}

impl Cells {
    /// Copies a cell to a new place, without its formula.
    fn copy(&mut self, xml: &mut Xml<'_>, element: &BytesStart<'_>, at: (u64, u64), scan_bytes: u64) -> Result<(), OpenError> {
        let raw = |name: &str| element.try_get_attribute(name).ok().flatten().map(|found| found.value.into_owned());
        let (style, kind) = (raw("s"), raw("t"));
        let mut copy = BytesStart::new("c");
        copy.push_attribute(("r", format!("{}{}", column_name(at.1), at.0 + 1).as_str()));
        let mut writer = Writer::new(std::mem::take(&mut self.xml));
        for (name, value) in [("s", &style), ("t", &kind)] {
            if let Some(value) = value {
                copy.push_attribute((name, value.as_str()));
            }
        }
        writer.write_event(Event::Start(copy))?;
        if kind.as_deref() == Some("s") {
            if let Some(number) = shared_string(xml, scan_bytes)? {
                let new = self.strings.len();
                let new = *self.strings.entry(number).or_insert(new);
                write!(writer.get_mut(), "<v>{new}</v>")?;
            }
            writer.get_mut().extend_from_slice(b"</c>");
        } else {
            copy_to_end(xml, "c", &mut writer, scan_bytes, EXCERPT_BYTES)?;
        }
        self.xml = writer.into_inner();
        Ok(())
    }
}

/// The number in a cell that refers to a shared string, up to the cell's end.
fn shared_string(xml: &mut Xml<'_>, scan_bytes: u64) -> Result<Option<u64>, OpenError> {
    let (mut number, mut inside, mut buffer) = (None, false, Vec::new());
    loop {
        buffer.clear();
        match next(xml, &mut buffer, scan_bytes)? {
            Event::Start(element) => inside = element.local_name().as_ref() == "v",
            Event::Text(text) if inside => {
                let told = text.trim().parse().map_err(|_| corrupt("a cell refers to a shared string that is not there"))?;
                number = Some(told);
            }
            Event::End(element) if element.local_name().as_ref() == "c" => return Ok(number),
            Event::End(_) => inside = false,
            Event::Eof => return Err(corrupt("a cell does not end")),
            _ => {}
        }
    }
}

/// Copies everything up to the end of the element with this name, but formulas.
fn copy_to_end(xml: &mut Xml<'_>, name: &str, writer: &mut Writer<Vec<u8>>, scan_bytes: u64, most: usize) -> Result<(), OpenError> {
    let (mut buffer, mut formula) = (Vec::new(), false);
    loop {
        buffer.clear();
        let event = next(xml, &mut buffer, scan_bytes)?;
        match &event {
            Event::Start(element) if element.local_name().as_ref() == "f" => formula = true,
            Event::End(element) if element.local_name().as_ref() == "f" => {
                formula = false;
                continue;
            }
            Event::End(element) if element.local_name().as_ref() == name => {
                writer.write_event(event)?;
                return Ok(());
            }
            Event::Eof => return Err(corrupt(format!("<{name}> does not end"))),
            _ => {}
        }
        if !formula {
            writer.write_event(event)?;
        }
        if writer.get_ref().len() > most {
            return Err(OpenError::TooLarge { what: "the size in bytes of the rows of a page", limit: EXCERPT_BYTES as u64 });
        }
    }
}

fn next<'b>(xml: &mut Xml<'_>, buffer: &'b mut Vec<u8>, scan_bytes: u64) -> Result<Event<'b>, OpenError> {
    xml.get_mut().mark();
    let spent = xml.get_ref().spent();
    xml.read_event_into(buffer).map_err(|error| {
        if spent { OpenError::TooLarge { what: "how far into a sheet is looked, in bytes,", limit: scan_bytes } } else { corrupt(error) }
    })
}

/// Calls `take` for each element with this name.
fn each_element(content: &[u8], name: &str, mut take: impl FnMut(&BytesStart<'_>) -> Result<(), OpenError>) -> Result<(), OpenError> {
    let mut reader = Reader::from_reader(content);
    reader.config_mut().check_end_names = false;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(corrupt)? {
            Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == name => take(&element)?,
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String, OpenError> {
    let Some(found) = element.try_get_attribute(name).map_err(corrupt)? else { return Ok(String::new()) };
    Ok(found.normalized_value(XmlVersion::Implicit1_0).map_err(corrupt)?.into_owned())
}

/// Row and column, from 0, of a reference such as `B7`.
fn position(text: &str) -> Option<(u64, u64)> {
    let digits = text.find(|c: char| c.is_ascii_digit())?;
    let column = text[..digits].bytes().try_fold(0_u64, |column, letter| {
        let letter = letter.to_ascii_uppercase();
        (letter.is_ascii_uppercase() && column < LAST.1).then(|| column * 26 + u64::from(letter - b'A') + 1)
    })?;
    let row: u64 = text[digits..].parse().ok()?;
    ((1..=LAST.0).contains(&row) && (1..=LAST.1).contains(&column)).then(|| (row - 1, column - 1))
}

/// How many rows and columns there are up to the end of an area such as `A1:F200`. One cell is what writers tell that do not know.
fn size(area: &str) -> Option<(u64, u64)> {
    let (_, end) = area.split_once(':')?;
    position(end).map(|(row, column)| (row + 1, column + 1))
}

/// The letters of a column, from 0.
fn column_name(column: u64) -> String {
    let (mut name, mut left) = (Vec::new(), column + 1);
    while left > 0 {
        left -= 1;
        name.insert(0, char::from(b'A' + (left % 26) as u8));
        left /= 26;
    }
    name.into_iter().collect()
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn corrupt(error: impl ToString) -> OpenError {
    OpenError::Corrupt { kind: Kind::Xlsx, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{column_name, position, size};

    #[test]
    fn references_are_read() {
        for (text, at) in [("A1", (0, 0)), ("b7", (6, 1)), ("AA10", (9, 26)), ("XFD1048576", (1_048_575, 16_383))] {
            assert_eq!(position(text), Some(at));
            assert_eq!(column_name(at.1), text.trim_end_matches(|c: char| c.is_ascii_digit()).to_uppercase());
        }
        for wrong in ["", "A", "7", "A0", "XFE1", "A1048577", "AAAAAAAAAAAAAAAAAAAA1", "A1B", "ä1"] {
            assert_eq!(position(wrong), None, "{wrong}");
        }
        assert_eq!((size("A1:F200"), size("A1"), size("x:y")), (Some((200, 6)), None, None));
    }
}
