use calamine::{Data, DataRef, ExcelDateTime};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
const MILLIS_PER_DAY: f64 = 86_400_000.0;

/// Days from 1970-01-01 back to openpyxl's Windows epoch, 1899-12-30.
const EPOCH_1900_DAYS: i64 = -25_569;
/// Days from 1970-01-01 back to the Mac epoch, 1904-01-01.
const EPOCH_1904_DAYS: i64 = -24_107;
/// 0001-01-01 and 10000-01-01 in days from 1970-01-01: what Python's `datetime` can hold.
const FIRST_DAY: i64 = -719_162;
const END_DAY: i64 = 2_932_897;

/// One cell, typed as openpyxl types it (`data_only=True`). Text lives in the grid that the cell came from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Nothing, or the empty string.
    Empty,
    /// A boolean.
    Bool(bool),
    /// A number without a fraction.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text: an index into the grid's texts. Error cells are their text (`#N/A`).
    Text(u32),
    /// A date with a time, in microseconds from 1970-01-01T00:00, no time zone.
    DateTime(i64),
    /// A time of day, in microseconds from midnight.
    Time(i64),
    /// A duration in microseconds.
    Duration(i64),
}

impl Cell {
    /// Whether there is nothing in the cell.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Empty)
    }

    /// A number as Excel stores it: integral values are integers.
    pub fn number(value: f64) -> Self {
        // 2^63 is exact in f64; everything below it in magnitude converts without loss of the integral part.
        if value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0 { Self::Int(value as i64) } else { Self::Float(value) }
    }
}

/// A value on its way into a grid: text is not stored yet.
pub(crate) enum Raw<'a> {
    Cell(Cell),
    Text(&'a str),
    /// Text with a stable address: the grid may store long ones once.
    Shared(&'a str),
}

pub(crate) fn from_data_ref<'a>(value: &'a DataRef<'_>) -> Raw<'a> {
    match value {
        DataRef::Int(value) => Raw::Cell(Cell::Int(*value)),
        DataRef::Float(value) => Raw::Cell(Cell::number(*value)),
        DataRef::String(text) => Raw::Text(text),
        DataRef::SharedString(text) => Raw::Shared(text),
        DataRef::Bool(value) => Raw::Cell(Cell::Bool(*value)),
        DataRef::DateTime(value) => from_serial(*value),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => from_iso(text),
        DataRef::Error(error) => Raw::Text(error_text(error)),
        DataRef::Empty => Raw::Cell(Cell::Empty),
    }
}

pub(crate) fn from_data(value: &Data) -> Raw<'_> {
    match value {
        Data::Int(value) => Raw::Cell(Cell::Int(*value)),
        Data::Float(value) => Raw::Cell(Cell::number(*value)),
        Data::String(text) => Raw::Text(text),
        Data::Bool(value) => Raw::Cell(Cell::Bool(*value)),
        Data::DateTime(value) => from_serial(*value),
        Data::DateTimeIso(text) | Data::DurationIso(text) => from_iso(text),
        Data::Error(error) => Raw::Text(error_text(error)),
        Data::Empty => Raw::Cell(Cell::Empty),
    }
}

fn error_text(error: &calamine::CellErrorType) -> &'static str {
    use calamine::CellErrorType as E;
    match error {
        E::Div0 => "#DIV/0!",
        E::NA => "#N/A",
        E::Name => "#NAME?",
        E::Null => "#NULL!",
        E::Num => "#NUM!",
        E::Ref => "#REF!",
        E::Value => "#VALUE!",
        E::GettingData => "#GETTING_DATA",
    }
}

/// A serial date by openpyxl's rules (`openpyxl.utils.datetime.from_excel`): values below one day are times, the
/// 1900 system's days before March 1900 are shifted by Excel's false leap day, what Python's dates can't hold is `#VALUE!`.
fn from_serial(serial: ExcelDateTime) -> Raw<'static> {
    let value = serial.as_f64();
    if !value.is_finite() || value.abs() > 1e9 {
        return Raw::Text("#VALUE!");
    }
    if serial.is_duration() {
        return Raw::Cell(Cell::Duration(duration_micros(value)));
    }
    let mut day = value.floor() as i64;
    let millis = ((value - value.floor()) * MILLIS_PER_DAY).round_ties_even() as i64;
    if (0.0..1.0).contains(&value) && millis < MILLIS_PER_DAY as i64 {
        return Raw::Cell(Cell::Time(millis * 1000));
    }
    let epoch = if is_1904(serial) {
        EPOCH_1904_DAYS
    } else {
        if value > 0.0 && value < 60.0 {
            day += 1;
        }
        EPOCH_1900_DAYS
    };
    let micros = (day + epoch) * MICROS_PER_DAY + millis * 1000;
    if !(FIRST_DAY * MICROS_PER_DAY..END_DAY * MICROS_PER_DAY).contains(&micros) {
        return Raw::Text("#VALUE!");
    }
    Raw::Cell(Cell::DateTime(micros))
}

/// calamine keeps the date system of a serial to itself; a day at the Mac epoch tells.
fn is_1904(serial: ExcelDateTime) -> bool {
    serial == ExcelDateTime::new(serial.as_f64(), calamine::ExcelDateTimeType::DateTime, true)
}

/// Durations keep whole seconds exactly and round the rest to milliseconds, as openpyxl does.
fn duration_micros(days: f64) -> i64 {
    let micros = (days * MICROS_PER_DAY as f64).round_ties_even() as i64;
    let rest = micros.rem_euclid(MICROS_PER_SECOND);
    if rest == 0 { micros } else { micros - rest + ((rest as f64) / 1000.0).round_ties_even() as i64 * 1000 }
}

/// ISO 8601 dates, times and durations (xlsx `t="d"` and ods cells). What can't be read as one stays text.
fn from_iso(text: &str) -> Raw<'_> {
    parse_iso(text).map_or(Raw::Text(text), Raw::Cell)
}

fn parse_iso(text: &str) -> Option<Cell> {
    let text = text.trim().trim_end_matches('Z');
    if let Some(duration) = text.strip_prefix("PT") {
        return parse_duration(duration).map(Cell::Duration);
    }
    if let Some((date, time)) = text.split_once(['T', ' ']) {
        return Some(Cell::DateTime(parse_date(date)? * MICROS_PER_DAY + parse_time(time)?));
    }
    if text.contains(':') {
        return parse_time(text).map(Cell::Time);
    }
    parse_date(text).map(|day| Cell::DateTime(day * MICROS_PER_DAY))
}

fn parse_duration(text: &str) -> Option<i64> {
    let mut micros = 0.0;
    let mut number = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let seconds = match c {
            'H' => 3600.0,
            'M' => 60.0,
            'S' => 1.0,
            _ => return None,
        };
        micros += number.parse::<f64>().ok()? * seconds * MICROS_PER_SECOND as f64;
        number.clear();
    }
    (number.is_empty() && micros < 1e18).then_some(micros as i64)
}

fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let year = parts.next()?.parse::<i64>().ok()?;
    let month = parts.next()?.parse::<i64>().ok()?;
    let day = parts.next()?.parse::<i64>().ok()?;
    ((1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day))
        .then(|| days_from_civil(year, month, day))
}

fn parse_time(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hour = parts.next()?.parse::<i64>().ok()?;
    let minute = parts.next()?.parse::<i64>().ok()?;
    let second = parts.next().map_or(Some(0.0), |s| s.parse::<f64>().ok())?;
    ((0..24).contains(&hour) && (0..60).contains(&minute) && (0.0..60.0).contains(&second))
        .then(|| (hour * 3600 + minute * 60) * MICROS_PER_SECOND + (second * MICROS_PER_SECOND as f64) as i64)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar: years are counted from March, so that the leap day is last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use calamine::{ExcelDateTime, ExcelDateTimeType};

    use super::{Cell, MICROS_PER_DAY, Raw, from_serial, parse_iso};

    fn serial(value: f64, is_1904: bool) -> Option<Cell> {
        match from_serial(ExcelDateTime::new(value, ExcelDateTimeType::DateTime, is_1904)) {
            Raw::Cell(cell) => Some(cell),
            Raw::Text(_) | Raw::Shared(_) => None,
        }
    }

    /// Expected values were taken from openpyxl 3.1.5's `from_excel`.
    #[test]
    fn serial_dates_follow_openpyxl() {
        let day = |n: i64| Some(Cell::DateTime(n * MICROS_PER_DAY));
        assert_eq!(serial(45_292.0, false), day(19_723)); // 2024-01-01
        assert_eq!(serial(1.0, false), day(-25_567)); // 1900-01-01
        assert_eq!(serial(60.0, false), day(-25_509)); // 1900-02-28
        assert_eq!(serial(61.0, false), day(-25_508)); // 1900-03-01
        assert_eq!(serial(0.0, false), Some(Cell::Time(0)));
        assert_eq!(serial(0.5, false), Some(Cell::Time(MICROS_PER_DAY / 2)));
        assert_eq!(serial(43_830.0, true), day(19_723)); // the same day, 1904 system
        assert_eq!(serial(1e8, false), None); // past year 9999
    }

    #[test]
    fn iso_texts_become_dates_times_and_durations() {
        assert_eq!(parse_iso("2024-02-29"), Some(Cell::DateTime(19_782 * MICROS_PER_DAY)));
        assert_eq!(parse_iso("2023-02-29"), None);
        assert_eq!(parse_iso("12:30:00"), Some(Cell::Time(45_000_000_000)));
        assert_eq!(parse_iso("PT1H30M"), Some(Cell::Duration(5_400_000_000)));
        assert_eq!(parse_iso("soon"), None);
    }

    #[test]
    fn integral_numbers_are_integers() {
        assert_eq!(Cell::number(-0.0), Cell::Int(0));
        assert_eq!(Cell::number(3.0), Cell::Int(3));
        assert_eq!(Cell::number(1e300), Cell::Float(1e300));
        assert_eq!(Cell::number(0.5), Cell::Float(0.5));
    }
}
