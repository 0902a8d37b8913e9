//! Lengths of time as people write them: `90s`, `15m`, `24h`, `7d`, `1h30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::shorthand::string_type;

/// A whole number of seconds, written with units `s m h d w`.
///
/// ```
/// use raccord_model::duration::Seconds;
///
/// assert_eq!("1h30m".parse(), Ok(Seconds(5_400)));
/// assert_eq!(Seconds(14 * 86_400).to_string(), "14d");
/// assert!("15".parse::<Seconds>().is_err(), "a unit is missing");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seconds(pub u64);

impl Seconds {
    /// As the standard library's duration.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    /// As a signed count, for arithmetic on instants.
    pub fn signed(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

/// A text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time: write a number and a unit, for example 90s, 15m, 24h, 7d or 1h30m")]
pub struct DurationError(String);

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl FromStr for Seconds {
    type Err = DurationError;
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let error = || DurationError(text.to_owned());
        let mut total: u64 = 0;
        let mut number: Option<u64> = None;
        for c in text.chars() {
            if let Some(digit) = c.to_digit(10) {
                number = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(u64::from(digit)));
                number.ok_or_else(error)?;
                continue;
            }
            let (_, unit) = UNITS.into_iter().find(|(name, _)| *name == c).ok_or_else(error)?;
            let seconds = number.take().and_then(|n| n.checked_mul(unit)).ok_or_else(error)?;
            total = total.checked_add(seconds).ok_or_else(error)?;
        }
        if number.is_some() || text.is_empty() { Err(error()) } else { Ok(Self(total)) }
    }
}

impl fmt::Display for Seconds {
    /// The largest units first, so that `90m` and `1h30m` have one form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        // Weeks are read but not written: 14d says it plainly enough.
        for (name, unit) in UNITS.into_iter().skip(1) {
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

string_type!(Seconds, "a length of time, for example 15m", { "type": "string", "pattern": "^([0-9]+[wdhms])+$" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_one_length() {
        let cases =
            [("90s", "1m30s"), ("15m", "15m"), ("1w", "7d"), ("90m", "1h30m"), ("0s", "0s"), ("24h", "1d")];
        for (written, canonical) in cases {
            assert_eq!(written.parse::<Seconds>().unwrap().to_string(), canonical);
        }
        for bad in ["", "15", "m", "1x", "-1s", "1 h", "99999999999999999999w"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }
}
