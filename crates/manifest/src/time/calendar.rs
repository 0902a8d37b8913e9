//! The proleptic Gregorian calendar in whole numbers: days since 1970 and the fields of a date. It knows no time zones.

/// Microseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// The fields of a date and time as a calendar and a clock show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// 1 to 9999.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
    /// 0 to 999 999.
    pub microsecond: i64,
}

impl Fields {
    /// Midnight of a date.
    pub fn midnight(year: i64, month: i64, day: i64) -> Self {
        Self { year, month, day, hour: 0, minute: 0, second: 0, microsecond: 0 }
    }

    /// Whether each of them is in its range.
    pub(crate) fn valid(&self) -> bool {
        (1..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second)
            && (0..SECOND).contains(&self.microsecond)
    }

    /// Microseconds since the start of 1970 on the same clock.
    pub(crate) fn micros(&self) -> i64 {
        let seconds = (self.hour * 60 + self.minute) * 60 + self.second;
        days(self.year, self.month, self.day) * DAY + seconds * SECOND + self.microsecond
    }

    /// The fields of a number of microseconds since the start of 1970.
    pub(crate) fn of(micros: i64) -> Self {
        let (year, month, day) = date(micros.div_euclid(DAY));
        let rest = micros.rem_euclid(DAY);
        let seconds = rest / SECOND;
        Self {
            year,
            month,
            day,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            microsecond: rest % SECOND,
        }
    }

    /// The day of the week: 0 is Monday.
    pub(crate) fn weekday(&self) -> i64 {
        (days(self.year, self.month, self.day) + 3).rem_euclid(7)
    }

    /// The day of the year, from 1.
    pub(crate) fn ordinal(&self) -> i64 {
        days(self.year, self.month, self.day) - days(self.year, 1, 1) + 1
    }

    /// The year and week of ISO 8601.
    pub(crate) fn iso_week(&self) -> (i64, i64) {
        let today = days(self.year, self.month, self.day);
        let year = [self.year + 1, self.year].into_iter().find(|year| today >= first_week(*year));
        let year = year.unwrap_or(self.year - 1);
        (year, (today - first_week(year)) / 7 + 1)
    }
}

/// The Monday with which the first week of an ISO 8601 year begins.
pub(crate) fn first_week(year: i64) -> i64 {
    let fourth = days(year, 1, 4);
    fourth - (fourth + 3).rem_euclid(7)
}

/// Whether a year has 366 days.
pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month has.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. The year begins in March here, so that the leap day is its last.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}
