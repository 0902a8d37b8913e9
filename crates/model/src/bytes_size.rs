//! Sizes in bytes as people write them: `512KB`, `64MB`, `1GB` (powers of 1,024).

use std::fmt;
use std::str::FromStr;

use crate::shorthand::string_type;

/// A number of bytes.
///
/// ```
/// use raccord_model::bytes_size::ByteSize;
///
/// assert_eq!("64MB".parse(), Ok(ByteSize(64 * 1024 * 1024)));
/// assert_eq!(ByteSize(2048).to_string(), "2KB");
/// assert!("64 mb".parse::<ByteSize>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// `count` mebibytes.
    pub const fn mebibytes(count: u64) -> Self {
        Self(count << 20)
    }
}

/// A text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: write a number and a unit, for example 512KB, 64MB or 1GB")]
pub struct ByteSizeError(String);

const UNITS: [(&str, u64); 4] = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1)];

impl FromStr for ByteSize {
    type Err = ByteSizeError;
    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        UNITS
            .into_iter()
            .find_map(|(name, unit)| text.strip_suffix(name).map(|number| (number, unit)))
            .and_then(|(number, unit)| number.parse::<u64>().ok()?.checked_mul(unit))
            .map(Self)
            .ok_or_else(|| ByteSizeError(text.to_owned()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = UNITS
            .into_iter()
            .find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit))
            .unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

string_type!(ByteSize, "a size, for example 64MB", { "type": "string", "pattern": "^[0-9]+(B|KB|MB|GB)$" });
