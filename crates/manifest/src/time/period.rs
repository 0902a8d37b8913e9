//! Durations of ISO 8601: years and months as such, everything shorter in microseconds. It never says how long a month
//! is: only a date can.

use std::fmt;

use super::calendar::{DAY, Fields, SECOND, days_in_month};
use super::{DateTime, TimeError};

/// A duration. It is `timedelta` in the reference where it has neither years nor months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    years: i64,
    months: i64,
    micros: i64,
}

impl Period {
    /// A number of microseconds.
    pub fn from_micros(micros: i64) -> Self {
        Self { years: 0, months: 0, micros }
    }

    /// Reads `P1M`, `P30D`, `PT0.5S`, `-P1DT2H`.
    ///
    /// # Errors
    /// When it is none, or has a fraction of a month or of a year.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        read(text).ok_or_else(|| TimeError::Duration(text.to_owned()))
    }

    /// Its length in microseconds; none where it has years or months.
    pub fn micros(&self) -> Option<i64> {
        (self.years == 0 && self.months == 0).then_some(self.micros)
    }

    /// What is shorter than a month in it, in microseconds.
    pub(crate) fn rest(&self) -> i64 {
        self.micros
    }

    /// Whether it is nothing at all.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The same backwards.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { years: -self.years, months: -self.months, micros: -self.micros }
    }

    /// The sum of two; none where it is too large.
    pub fn sum(self, other: Self) -> Option<Self> {
        Some(Self {
            years: self.years.checked_add(other.years)?,
            months: self.months.checked_add(other.months)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }

    /// It so many times; none where it is too large.
    pub fn times(self, count: i64) -> Option<Self> {
        Some(Self {
            years: self.years.checked_mul(count)?,
            months: self.months.checked_mul(count)?,
            micros: self.micros.checked_mul(count)?,
        })
    }
}

impl fmt::Display for Period {
    /// As Python's `str()` writes a `timedelta` or a `Duration`: `1 month, 2 days, 0:00:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.years != 0 {
            write!(f, "{} years, ", self.years)?;
        }
        if self.months != 0 {
            write!(f, "{} month{}, ", self.months, if self.months <= 1 { "" } else { "s" })?;
        }
        let days = self.micros.div_euclid(DAY);
        let fields = Fields::of(self.micros.rem_euclid(DAY));
        if days != 0 {
            write!(f, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        write!(f, "{}:{:02}:{:02}", fields.hour, fields.minute, fields.second)?;
        if fields.microsecond != 0 {
            write!(f, ".{:06}", fields.microsecond)?;
        }
        Ok(())
    }
}

impl DateTime {
    /// Moved on by a period: months first, the day cut to the month's last, then the rest.
    ///
    /// # Errors
    /// When the years 1 to 9999 do not hold it.
    pub fn plus(self, period: Period) -> Result<Self, TimeError> {
        let mut fields = self.fields();
        let months = period.years.checked_mul(12).and_then(|months| months.checked_add(period.months));
        let months = months.and_then(|months| months.checked_add(fields.year * 12 + fields.month - 1));
        let months = months.ok_or(TimeError::Range)?;
        fields.year = months.div_euclid(12);
        fields.month = months.rem_euclid(12) + 1;
        fields.day = fields.day.min(days_in_month(fields.year, fields.month));
        Self::new(fields, self.offset())?.plus_micros(period.micros)
    }

    /// Moved back by a period.
    ///
    /// # Errors
    /// When the years 1 to 9999 do not hold it.
    pub fn minus(self, period: Period) -> Result<Self, TimeError> {
        self.plus(period.negated())
    }
}

fn read(text: &str) -> Option<Period> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let rest = rest.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    if !rest.starts_with(|first: char| first.is_alphanumeric()) {
        return None;
    }
    let mut period = Period::default();
    let mut micros = 0_i64;
    let mut add = |number: &str, unit: i64| -> Option<()> {
        micros = micros.checked_add(scaled(number, unit)?)?;
        Some(())
    };
    for (number, unit) in parts(date, "YMWD")? {
        match unit {
            'Y' => period.years = whole(number)?,
            'M' => period.months = whole(number)?,
            'W' => add(number, 7 * DAY)?,
            _ => add(number, DAY)?,
        }
    }
    for (number, unit) in parts(time, "HMS")? {
        match unit {
            'H' => add(number, 3600 * SECOND)?,
            'M' => add(number, 60 * SECOND)?,
            _ => add(number, SECOND)?,
        }
    }
    period.micros = micros;
    period.times(sign)
}

/// Numbers with their units, the units in this order and each at most once.
fn parts<'a>(text: &'a str, units: &str) -> Option<Vec<(&'a str, char)>> {
    let mut found = Vec::new();
    let mut units = units.chars();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|byte: char| !byte.is_ascii_digit() && byte != '.' && byte != ',')?;
        let unit = rest[end..].chars().next()?;
        units.find(|known| *known == unit)?;
        found.push((&rest[..end], unit));
        rest = &rest[end + unit.len_utf8()..];
    }
    Some(found)
}

/// A whole number; `1.0` is one, too.
fn whole(text: &str) -> Option<i64> {
    let (whole, fraction) = split(text)?;
    fraction.bytes().all(|digit| digit == b'0').then(|| whole.parse().ok())?
}

/// A number with a fraction times a unit in microseconds, rounded.
fn scaled(text: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = split(text)?;
    let mut sum = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    if !fraction.is_empty() {
        let number: f64 = format!("0.{fraction}").parse().ok()?;
        let unit: f64 = num_traits::ToPrimitive::to_f64(&unit)?;
        let part = num_traits::ToPrimitive::to_i64(&(number * unit).round_ties_even())?;
        sum = sum.checked_add(part)?;
    }
    Some(sum)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once(['.', ',']) {
        None => digits(text).then_some((text, "")),
        Some((whole, fraction)) => (digits(whole) && digits(fraction)).then_some((whole, fraction)),
    }
}
