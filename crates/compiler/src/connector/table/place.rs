//! Where a reading stands: the values of the last row, in the order in which rows are asked for. A page token holds it
//! as text with a version; what cannot be gone on from is refused, and the window begins again.

use raccord_model::checkpoint::PageToken;
use serde::{Deserialize, Serialize};

/// The version of the form below.
const VERSION: u8 = 1;

/// A value that rows are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// A text, or the text of a value of another type.
    #[serde(rename = "t")]
    Text(String),
    /// A whole number.
    #[serde(rename = "i")]
    Integer(i64),
    /// A whole number beyond those.
    #[serde(rename = "u")]
    Unsigned(u64),
    /// A floating-point number, by its bits.
    #[serde(rename = "r")]
    Real(u64),
    /// Bytes.
    #[serde(rename = "b")]
    Bytes(Vec<u8>),
    /// Nothing, which no row can be compared with.
    #[serde(rename = "n")]
    Null,
}

/// Where a reading stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whether the rows are read that have no value in the incremental column.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nulls: bool,
    /// The values of the last row; empty before the first one.
    pub after: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
struct Token {
    v: u8,
    by: Vec<String>,
    #[serde(flatten)]
    place: Place,
}

impl Place {
    /// As a page token, with the columns that rows are ordered by.
    pub fn token(&self, by: &[&str]) -> PageToken {
        let by = by.iter().map(|&name| name.to_owned()).collect();
        // Texts and numbers alone, so writing them cannot fail; an empty token would not be read.
        let token = serde_json::to_string(&Token { v: VERSION, by, place: self.clone() });
        PageToken(token.unwrap_or_default())
    }

    /// The columns and the place of a token; none where this version cannot read it.
    pub fn read(token: &PageToken) -> Option<(Vec<String>, Self)> {
        let Token { v, by, place } = serde_json::from_str(&token.0).ok()?;
        (v == VERSION && (place.after.is_empty() || place.after.len() == by.len())).then_some((by, place))
    }
}
