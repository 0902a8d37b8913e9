//! A rate limit as people write it: `10/s`, `600/m`, `5000/h`.

use std::fmt;
use std::str::FromStr;

use crate::shorthand::string_type;

/// At most `count` requests in each `period` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    /// How many, at least one.
    pub count: u32,
    /// In how many seconds: 1, 60 or 3600.
    pub period: u32,
}

/// A text that is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rate: write a number and a period, for example 10/s, 600/m or 5000/h")]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;
    fn from_str(text: &str) -> Result<Self, RateError> {
        let error = || RateError(text.to_owned());
        let (count, period) = text.split_once('/').ok_or_else(error)?;
        let count = count.parse().ok().filter(|&count| count > 0).ok_or_else(error)?;
        let period = match period {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return Err(error()),
        };
        Ok(Self { count, period })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.period {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        write!(f, "{}/{period}", self.count)
    }
}

string_type!(Rate, "a rate, for example 10/s", { "type": "string", "pattern": "^[1-9][0-9]*/[smh]$" });
