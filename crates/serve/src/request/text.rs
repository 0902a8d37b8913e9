//! A text that a caller wrote into a request, no longer than it may be: what is longer is refused while it is read.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Who does something.
pub type Who = Text<200>;

/// Why something is done.
pub type Reason = Text<500>;

/// The commit that a configuration was read from.
pub type Commit = Text<64>;

/// A point in the order of a source, as it writes them.
pub type Since = Text<200>;

/// Where a person is sent.
pub type Place = Text<2_000>;

/// The value of a field, as text.
pub type FieldText = Text<8_192>;

/// A text of at most so many characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MOST: usize>(String);

/// A text has more characters than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has more than {0} characters")]
pub struct TooLong(usize);

impl<const MOST: usize> Text<MOST> {
    /// As much of a text of our own as there is room for.
    pub fn cut(text: &str) -> Self {
        Self(text.chars().take(MOST).collect())
    }

    fn check(text: &str) -> Result<(), TooLong> {
        // No text has more characters than bytes.
        let fits = text.len() <= MOST || text.chars().nth(MOST).is_none();
        if fits { Ok(()) } else { Err(TooLong(MOST)) }
    }
}

impl<const MOST: usize> FromStr for Text<MOST> {
    type Err = TooLong;
    fn from_str(text: &str) -> Result<Self, TooLong> {
        Self::check(text).map(|()| Self(text.to_owned()))
    }
}

impl<const MOST: usize> Deref for Text<MOST> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> fmt::Display for Text<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MOST: usize> From<Text<MOST>> for String {
    fn from(text: Text<MOST>) -> Self {
        text.0
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Text<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded<const MOST: usize>;
        impl<const MOST: usize> Visitor<'_> for Bounded<MOST> {
            type Value = Text<MOST>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text of at most {MOST} characters")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<MOST>, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Bounded)
    }
}

impl<const MOST: usize> JsonSchema for Text<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Text{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": MOST })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_it_may_be_and_no_longer() {
        let check = |text: &str, is_good: bool| {
            assert_eq!(text.parse::<Text<4>>().is_ok(), is_good, "{text}");
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Text<4>>(&json).is_ok(), is_good, "{text}");
            assert_eq!(Text::<4>::cut(text).chars().count(), text.chars().count().min(4), "{text}");
        };
        check("", true);
        check("four", true);
        check("fünf", true);
        check("\u{1f600}\u{1f600}\u{1f600}\u{1f600}", true);
        check("fifth", false);
        check("\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}", false);
    }
}
