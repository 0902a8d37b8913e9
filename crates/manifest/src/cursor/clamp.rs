//! Clamping: bounds of slices moved to the start of a day, a week or a month. It is plain calendar arithmetic.

use crate::time::{DateTime, Fields, Period};

/// Where the bounds of slices are moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clamp {
    /// Nowhere.
    Not,
    /// To the start of a day.
    Day,
    /// To the start of this day of a week; 0 is Monday.
    Week(i64),
    /// To the first of a month.
    Month,
}

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

impl Clamp {
    /// The next such start, or the date itself where it is one.
    pub(super) fn up(self, date: DateTime) -> DateTime {
        let down = self.down(date);
        if down == date || self == Self::Not {
            return date;
        }
        let next = match self {
            Self::Not => return date,
            // As in the reference: on the right day of a week or month its start is taken, whatever the hour.
            Self::Week(_) | Self::Month if down == midnight(date) => return down,
            Self::Day => down.plus_micros(DAY),
            Self::Week(_) => down.plus_micros(7 * DAY),
            Self::Month => Period::parse("P1M").and_then(|month| down.plus(month)),
        };
        next.unwrap_or(down)
    }

    /// The last such start, or the date itself where it is one.
    pub(super) fn down(self, date: DateTime) -> DateTime {
        let fields = date.fields();
        let day = midnight(date);
        match self {
            Self::Not => date,
            Self::Day => day,
            Self::Week(first) => {
                let days = (fields.weekday() - first).rem_euclid(7);
                day.plus_micros(-days * DAY).unwrap_or(day)
            }
            Self::Month => {
                DateTime::new(Fields::midnight(fields.year, fields.month, 1), date.offset()).unwrap_or(day)
            }
        }
    }

    /// How far before such a start the end of a reading is, where the cursor has no granularity.
    pub(super) fn unit(self) -> Period {
        match self {
            Self::Not | Self::Day => Period::from_micros(SECOND),
            Self::Week(_) | Self::Month => Period::from_micros(DAY),
        }
    }

    /// The day of a week by its name.
    pub(super) fn weekday(name: &str) -> Option<i64> {
        let names = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
        names.iter().zip(0..).find(|(known, _)| **known == name).map(|(_, day)| day)
    }
}

fn midnight(date: DateTime) -> DateTime {
    let fields = date.fields();
    DateTime::new(Fields::midnight(fields.year, fields.month, fields.day), date.offset()).unwrap_or(date)
}
