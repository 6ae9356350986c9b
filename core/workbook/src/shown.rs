//! Values as people read them.

use std::borrow::Cow;

use crate::{Cell, Grid};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

impl Grid {
    /// A value of this grid as text: numbers as they are stored, dates and times as ISO 8601 has them (a date at midnight without its
    /// time, a duration in hours), `TRUE` and `FALSE`. How the workbook wants numbers to be formatted is not looked at.
    pub fn shown(&self, cell: Cell) -> Cow<'_, str> {
        Cow::Owned(match cell {
            Cell::Empty => return Cow::Borrowed(""),
            Cell::Text(index) => return Cow::Borrowed(self.text(index)),
            Cell::Bool(true) => return Cow::Borrowed("TRUE"),
            Cell::Bool(false) => return Cow::Borrowed("FALSE"),
            Cell::Int(value) => value.to_string(),
            Cell::Float(value) => value.to_string(),
            Cell::DateTime(micros) => {
                let (year, month, day) = civil(micros.div_euclid(MICROS_PER_DAY));
                match micros.rem_euclid(MICROS_PER_DAY) {
                    0 => format!("{year:04}-{month:02}-{day:02}"),
                    time => format!("{year:04}-{month:02}-{day:02} {}", clock(time)),
                }
            }
            Cell::Duration(micros) if micros < 0 => format!("-{}", clock(micros.saturating_neg())),
            Cell::Time(micros) | Cell::Duration(micros) => clock(micros),
        })
    }
}

/// Hours, minutes and seconds, with a fraction when there is one.
fn clock(micros: i64) -> String {
    let seconds = micros / MICROS_PER_SECOND;
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match micros % MICROS_PER_SECOND {
        0 => clock,
        rest => format!("{clock}.{}", format!("{rest:06}").trim_end_matches('0')),
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar. Years are counted from March, so that
/// the leap day is last.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_people_read_them() {
        let shown = |cell| Grid::default().shown(cell).into_owned();
        let day = MICROS_PER_DAY;
        for (cell, text) in [
            (Cell::Empty, ""),
            (Cell::Bool(true), "TRUE"),
            (Cell::Int(-12), "-12"),
            (Cell::Float(0.1), "0.1"),
            (Cell::Float(1e300), &1e300_f64.to_string()),
            (Cell::DateTime(19_782 * day), "2024-02-29"),
            (Cell::DateTime(-719_162 * day), "0001-01-01"),
            (Cell::DateTime(2_932_896 * day), "9999-12-31"),
            (Cell::DateTime(19_723 * day + day / 2), "2024-01-01 12:00:00"),
            (Cell::Time(1_500_000), "00:00:01.5"),
            (Cell::Duration(day * 3 / 2), "36:00:00"),
            (Cell::Duration(-day), "-24:00:00"),
        ] {
            assert_eq!(shown(cell), text, "{cell:?}");
        }
    }
}
