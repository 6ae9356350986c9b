//! Mutates small workbooks of every format and reads them, for a while.
//!
//! `cargo run --release -p ade-workbook --example fuzz -- SECONDS [SEED]`: SECONDS for each format, as many formats at a time
//! as there are processors. Members of zip containers are mutated and packed again, so that damage reaches the parsers
//! instead of stopping at a checksum. A panic is an error that the reader reports; what this looks for is what can't be
//! reported: an abort, a hang, memory past the cap. The same SEED makes the same mutations.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{Cursor, Read, Write},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use ade_workbook::{DelimitedOptions, Limits, OpenError, ScanCaps, Workbook};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

const MEMORY_CAP_KIB: u64 = 512 * 1024;
/// One file may take this long, on a machine busy with other things, before it counts as a hang.
const PATIENCE: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits { file_bytes: 1 << 24, expanded_bytes: 1 << 26, cells: 1_000_000, shared_strings: 1_000_000 };
const CSV: &[u8] = b"First Name,Email\n\"Lee, Ann\",\"a\"\"b@x.org\"\nBob;x\ty|z,1\r\n\r\n";
const ODS: &str = r#"<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body><office:spreadsheet>
<table:table table:name="A"><table:table-row table:number-rows-repeated="2"><table:table-cell office:value-type="float" office:value="1.5"/>
<table:table-cell office:value-type="date" office:date-value="2024-02-29"/><table:table-cell table:number-columns-repeated="3"/>
<table:table-cell office:value-type="string"><text:p>text</text:p></table:table-cell></table:table-row></table:table>
</office:spreadsheet></office:body></office:document-content>"#;

/// What goes wrong on a thread crosses to the one that started it.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let seconds = Duration::from_secs(arguments.next().map_or(Ok(10), |text| text.parse())?);
    let seed = arguments.next().map_or(Ok(0x9E37_79B9_7F4A_7C15), |text| text.parse())?;
    let formats = Mutex::new(seeds()?);
    let next = || formats.lock().map_or(None, |mut formats| formats.pop());
    let work = || -> Result<(), Failure> {
        while let Some((name, bytes)) = next() {
            fuzz(name, &bytes, seconds, &mut Random(seed | 1))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism()?.get();
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a worker panicked")?)
    })?;
    let peak = peak_kib()?;
    println!("peak {} MiB", peak / 1024);
    if peak > MEMORY_CAP_KIB {
        return Err(format!("the cap of {} MiB was passed", MEMORY_CAP_KIB / 1024).into());
    }
    Ok(())
}

/// Reads mutations of one file until the time is over.
fn fuzz(name: &str, seed: &[u8], time: Duration, random: &mut Random) -> Result<(), Failure> {
    let end = Instant::now() + time;
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    while Instant::now() < end {
        let bytes = mutated(seed, random)?;
        let started = Instant::now();
        *outcomes.entry(read(bytes, name)).or_default() += 1;
        if started.elapsed() > PATIENCE {
            return Err(format!("{name}: a file took {:?}", started.elapsed()).into());
        }
    }
    println!("{name}: {outcomes:?}");
    Ok(())
}

/// Reads every sheet; the outcome's name.
fn read(bytes: Vec<u8>, name: &str) -> &'static str {
    let read = || -> Result<(), OpenError> {
        let mut book = Workbook::open(Cursor::new(bytes), name, &LIMITS, DelimitedOptions::default())?;
        for index in 0..book.sheets().len() {
            book.read_sheet(index, ScanCaps::default())?;
        }
        Ok(())
    };
    read().map_or_else(|error| error.code(), |()| "read")
}

/// One small file of each format: its name and bytes.
type Seeds = Vec<(&'static str, Vec<u8>)>;

fn seeds() -> Result<Seeds, Failure> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let date = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    sheet.write_string(0, 0, "text")?.write_number(0, 1, 1.5)?.write_boolean(1, 0, true)?;
    sheet.write_number_with_format(1, 1, 45_351.25, &date)?.write_formula(2, 2, "=1+1")?;
    book.add_worksheet().set_hidden(true);
    let xlsx = book.save_to_buffer()?;
    let ods = packed(&[
        ("mimetype".to_owned(), b"application/vnd.oasis.opendocument.spreadsheet".to_vec()),
        ("META-INF/manifest.xml".to_owned(), b"<manifest/>".to_vec()),
        ("content.xml".to_owned(), ODS.as_bytes().to_vec()),
    ])?;
    let xls = include_bytes!("../tests/seeds/small.xls").to_vec();
    let xlsb = include_bytes!("../tests/seeds/small.xlsb").to_vec();
    Ok(vec![("a.ods", ods), ("a.xls", xls), ("a.csv", CSV.to_vec()), ("a.xlsx", xlsx), ("a.xlsb", xlsb)])
}

/// The seed with some bytes changed, in one of its members when it is a zip container.
fn mutated(seed: &[u8], random: &mut Random) -> Result<Vec<u8>, Failure> {
    if !seed.starts_with(b"PK") || random.below(10) == 0 {
        let mut bytes = seed.to_vec();
        damage(&mut bytes, random);
        return Ok(bytes);
    }
    let mut archive = ZipArchive::new(Cursor::new(seed))?;
    let chosen = random.below(archive.len());
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index)?;
        let name = member.name()?.into_owned();
        let mut content = Vec::new();
        member.read_to_end(&mut content)?;
        if index == chosen {
            damage(&mut content, random);
        }
        members.push((name, content));
    }
    packed(&members)
}

fn packed(members: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Failure> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        archive.start_file(name.as_str(), SimpleFileOptions::default().compression_method(CompressionMethod::Stored))?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// A few of: another byte, a byte less, a stretch twice, a number made huge, the end cut off.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        match random.below(6) {
            0 | 1 => bytes[at] = random.next() as u8,
            2 => {
                bytes.remove(at);
            }
            3 => {
                let stretch = bytes[at..(at + 64).min(bytes.len())].to_vec();
                bytes.splice(at..at, stretch);
            }
            4 => {
                if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                    bytes.splice(at + digit..=at + digit, *b"1048576");
                }
            }
            _ => bytes.truncate(at),
        }
    }
}

/// Peak resident size of this process.
fn peak_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Xorshift64: the same mutations every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}
