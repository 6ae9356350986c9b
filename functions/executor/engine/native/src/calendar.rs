//! Microseconds since 1970 to calendar fields and to Excel's serial days.

pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(crate) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// 1899-12-30, openpyxl's day zero, in days from 1970-01-01.
const SERIAL_EPOCH_DAYS: i64 = -25_569;

/// A time of day.
pub(crate) struct Clock {
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    pub(crate) micro: u32,
}

/// Splits microseconds since midnight.
pub(crate) fn clock(micros: i64) -> Clock {
    let seconds = micros / MICROS_PER_SECOND;
    Clock {
        hour: (seconds / 3600 % 24) as u8,
        minute: (seconds / 60 % 60) as u8,
        second: (seconds % 60) as u8,
        micro: (micros % MICROS_PER_SECOND) as u32,
    }
}

/// Year, month and day of a day counted from 1970-01-01 (proleptic Gregorian; years counted from March inside).
pub(crate) fn civil(days: i64) -> (i32, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month as u8, day as u8)
}

/// The Excel serial of a moment; `None` before 1900, which Excel can't show.
pub(crate) fn serial(micros: i64) -> Option<f64> {
    let mut days = micros.div_euclid(MICROS_PER_DAY) - SERIAL_EPOCH_DAYS;
    if days > 0 && days <= 60 {
        days -= 1;
    }
    let fraction = micros.rem_euclid(MICROS_PER_DAY) as f64 / MICROS_PER_DAY as f64;
    (days > 0).then_some(days as f64 + fraction)
}

/// `2024-01-31 12:30:00[.ffffff]`, as Python prints it.
pub(crate) fn iso(micros: i64) -> String {
    let (year, month, day) = civil(micros.div_euclid(MICROS_PER_DAY));
    let time = clock(micros.rem_euclid(MICROS_PER_DAY));
    let whole = format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", time.hour, time.minute, time.second);
    if time.micro == 0 { whole } else { format!("{whole}.{:06}", time.micro) }
}
