//! Where the next run of a transfer continues: a window over the source's changes and a page inside it.
//!
//! The cursor moves on only when the window is complete, for pages are not in order unless the source says
//! so. A checkpoint is committed together with the records it speaks of.

mod earlier;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::canonical::Digest;
use crate::fact::{Parents, RunId, Staying, Tally};
use crate::name::DataTypeName;
use crate::row::FieldId;
use crate::value::Instant;

/// The version of the form below.
pub const CHECKPOINT_VERSION: u8 = 2;

/// Where the next run continues.
///
/// What a version before wrote is read, too: its cursor and its window become states of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "earlier::Written")]
pub struct Checkpoint {
    /// [`CHECKPOINT_VERSION`].
    pub version: u8,
    /// What the checkpoint was made under: the source's settings for the data type, and the mapping. With
    /// another fingerprint it says nothing.
    pub fingerprint: Digest,
    /// The transfer's epoch when it was made. One lower than the transfer's `reset` makes it void; one between
    /// `reset` and the transfer's epoch is still good.
    pub epoch: u64,
    /// What the source has read and what counts: the next window begins there. `None` reads everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SourceState>,
    /// The window that is not complete yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// When a snapshot was last complete, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_at: Option<i64>,
    /// What the run that has kept this checkpoint had committed with it; none where a version before has kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

impl Checkpoint {
    /// Counts what became of the batch that the checkpoint is committed with: for its run, and for its window. The destination
    /// alone knows it.
    pub const fn count(&mut self, tally: &Tally) {
        if let Some(counted) = &mut self.counted {
            counted.tally.add(tally);
        }
        if let Some(window) = &mut self.window {
            window.tally.add(tally);
        }
    }

    /// Counts what a sweep has done: the rows that it has deleted because the snapshot did not show them, and those that stay.
    pub fn count_swept(&mut self, unseen: u64, staying: Staying) {
        if let Some(counted) = &mut self.counted {
            counted.tally.count_swept(unseen, staying);
        }
    }
}

/// What a run had committed when a checkpoint was kept: the record of a run that was killed is written from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// The run.
    pub run: RunId,
    /// How many pages.
    pub pages: u64,
    /// What became of their records. Deletions that wait for the end of the window are among the deleted.
    pub tally: Tally,
}

/// What a source has read, in a form with a version that the source alone understands. It is committed with the rows that
/// it speaks of and handed back as it was; nothing else looks into it.
///
/// It holds values of records, so that [`fmt::Debug`] shows its length alone.
///
/// ```
/// use raccord_model::checkpoint::SourceState;
///
/// let state = SourceState::new(r#"{"v":1,"through":17}"#.to_owned());
/// assert_eq!(format!("{state:?}"), "SourceState(20 bytes)");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceState(String);

impl SourceState {
    /// A state that a source has written.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// For the source that has written it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SourceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceState({} bytes)", self.0.len())
    }
}

/// A window under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The run that opened it.
    pub run: RunId,
    /// What the source has read in it, and where it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SourceState>,
    /// Whether the window is a snapshot: then the keys that it shows are marked.
    #[serde(default)]
    pub snapshot: bool,
    /// How many records the snapshot has shown whose key cannot be read: any row that it does not show may be theirs.
    #[serde(default, skip_serializing_if = "crate::fact::is_zero")]
    pub keyless: u64,
    /// On how many pages the service has said that there is more, to which no setting leads, or a file has ended as one that was cut
    /// off: what the snapshot does not show may be there.
    #[serde(default, alias = "left", skip_serializing_if = "crate::fact::is_zero")]
    pub incomplete: u64,
    /// On how many pages something that was asked for had not been answered, as the settings allow: what the window does not show
    /// may be there, and it proves no deletion.
    #[serde(default, skip_serializing_if = "crate::fact::is_zero")]
    pub passed_over: u64,
    /// Whether the window is complete and held, with its sweep or with its cursor: a person approves it, or it is begun
    /// again. It is never continued.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// How often it was begun again from its first page.
    #[serde(default, skip_serializing_if = "is_none")]
    pub attempt: u32,
    /// Of these, how often because its pages had shifted.
    #[serde(default, skip_serializing_if = "is_none")]
    pub shifts: u32,
    /// Whether the keys that it shows are marked with their page. A window of before that feature is not, and is begun
    /// again where pages can shift.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub placed: bool,
    /// What showed in this reading that its pages shifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Shift>,
    /// The partition under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// What became of the parents so far.
    #[serde(default, skip_serializing_if = "Parents::is_none")]
    pub parents: Parents,
    /// How many deletions its records have said that wait for the end of the window.
    #[serde(default, skip_serializing_if = "crate::fact::is_zero")]
    pub deletes: u64,
    /// The paths of the mapping that no record of the window had so far; none before its first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Vec<String>>,
    /// How many values were kept, by field, that records without such a path would have replaced. The destination counts.
    #[serde(default, deserialize_with = "earlier::by_field", skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<FieldId, u64>,
    /// What the window has brought so far, over all the runs that worked on it.
    pub tally: Tally,
}

/// The partition under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Partition {
    /// Which.
    pub id: PartitionId,
    /// Whether its own pages have shifted: then its cursor stays where it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shifted: bool,
}

/// The identity of a partition, the children of one parent record: a digest of what their path takes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(pub Uuid);

impl PartitionId {
    /// The identity of the partition of a data type whose path takes these values.
    pub fn of(data_type: &DataTypeName, values: &[String]) -> Self {
        let mut text = Vec::new();
        for part in std::iter::once(data_type.as_str()).chain(values.iter().map(String::as_str)) {
            // With their lengths, so that no two lists of values are one text.
            text.extend_from_slice(part.len().to_string().as_bytes());
            text.push(b':');
            text.extend_from_slice(part.as_bytes());
        }
        let Digest(digest) = Digest::of(&text);
        let (half, _) = digest.split_at(size_of::<uuid::Bytes>());
        Self(Uuid::from_slice(half).unwrap_or_default())
    }
}

/// Where something stood among pages that are asked for by their position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// The partition whose pages they are; none when there are no partitions.
    pub partition: Option<PartitionId>,
    /// The number of the page, from 1.
    pub page: u64,
}

/// What showed that records moved from page to page while the pages were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Shift {
    /// A record came on two pages.
    Record {
        /// Where it came first.
        first: u64,
        /// Where it came again.
        again: u64,
    },
    /// A parent record came on two pages.
    Parent {
        /// Where it came first.
        first: u64,
        /// Where it came again.
        again: u64,
    },
    /// The total that the service names changed.
    Total {
        /// What it was.
        before: u64,
        /// What it was on a later page.
        after: u64,
    },
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { first, again } => write!(f, "a record of page {first} came again on page {again}"),
            Self::Parent { first, again } => {
                write!(f, "a parent record of page {first} came again on page {again}")
            }
            Self::Total { before, after } => write!(f, "the total was {before} and then {after}"),
        }
    }
}

/// How far a reading came: a value of an incremental field, comparable with others of the same field, or a token that the
/// service gave, which is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cursor {
    /// An instant, as seconds and nanoseconds.
    Instant(i64, i32),
    /// A number that grows.
    Integer(i64),
    /// A text that grows.
    Text(String),
    /// A token of the service.
    Token(Token),
}

impl Cursor {
    /// How far a transfer has been read that had come to `before` and has now `seen` this: the greatest value, but of two
    /// tokens the later one, for they have no order.
    pub fn advance(before: Option<Self>, seen: Option<Self>) -> Option<Self> {
        if matches!(seen, Some(Self::Token(_))) { seen } else { before.max(seen) }
    }
}

/// The most bytes that a token may have: what services take as a URL has no more.
pub const MAX_TOKEN: usize = 8_192;

/// A token from which a service can tell what has changed since. Nothing is known of it but whether it is a number in JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// The text as it is sent back.
    text: String,
    /// Whether it is a number where JSON is sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    number: bool,
}

/// A token is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has {0} bytes, and a token has {MAX_TOKEN} at the most")]
pub struct TokenTooLong(usize);

impl Token {
    /// A token that is a text.
    pub fn text(text: &str) -> Result<Self, TokenTooLong> {
        Self::new(text, false)
    }

    /// A token that is a number, as it is written.
    pub fn number(text: &str) -> Result<Self, TokenTooLong> {
        Self::new(text, true)
    }

    fn new(text: &str, number: bool) -> Result<Self, TokenTooLong> {
        let length = text.len();
        if length > MAX_TOKEN {
            Err(TokenTooLong(length))
        } else {
            Ok(Self { text: text.to_owned(), number })
        }
    }

    /// The text as it is sent back.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a number where JSON is sent.
    pub const fn is_number(&self) -> bool {
        self.number
    }
}

impl From<Instant> for Cursor {
    fn from(instant: Instant) -> Self {
        Self::Instant(instant.seconds, instant.nanoseconds)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(seconds, nanoseconds) => {
                Instant { seconds: *seconds, nanoseconds: *nanoseconds }.fmt(f)
            }
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) | Self::Token(Token { text, .. }) => text.fmt(f),
        }
    }
}

/// Where a page begins, in the words of the connector that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageToken(pub String);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form in which serde asks")]
const fn is_none(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items() -> DataTypeName {
        "items".parse().unwrap()
    }

    proptest! {
        #[test]
        fn two_lists_of_values_are_two_partitions(
            a in prop::collection::vec("[1:/]{0,3}", 0..4),
            b in prop::collection::vec("[1:/]{0,3}", 0..4),
        ) {
            let one = PartitionId::of(&items(), &a);
            prop_assert_eq!(one == PartitionId::of(&items(), &b), a == b);
            prop_assert_ne!(one, PartitionId::of(&"others".parse().unwrap(), &a));
        }
    }

    #[test]
    fn values_grow_and_tokens_follow_each_other() {
        let integer = |number| Some(Cursor::Integer(number));
        let token = |text| Token::text(text).ok().map(Cursor::Token);
        for (before, seen, expected) in [
            (None, integer(7), integer(7)),
            (integer(9), integer(7), integer(9)),
            (integer(9), None, integer(9)),
            (None, token("b"), token("b")),
            (token("b"), token("a"), token("a")),
            (token("b"), None, token("b")),
        ] {
            assert_eq!(Cursor::advance(before.clone(), seen.clone()), expected, "{before:?} {seen:?}");
        }
    }

    #[test]
    fn a_token_is_as_long_as_it_may_be_and_no_longer() {
        assert!(Token::text(&"x".repeat(MAX_TOKEN)).is_ok());
        assert_eq!(Token::number(&"1".repeat(MAX_TOKEN + 1)), Err(TokenTooLong(MAX_TOKEN + 1)));
        let written = serde_json::to_string(&Cursor::Token(Token::text("a").unwrap())).unwrap();
        assert_eq!(written, r#"{"token":{"text":"a"}}"#);
    }

    /// It is kept in states.
    #[test]
    fn an_identity_does_not_change_from_version_to_version() {
        let id = PartitionId::of(&items(), &["o/1".to_owned(), "x".to_owned()]);
        assert_eq!(id.0.simple().to_string(), "a9381ff833ac1521a263450e5817c109");
    }
}
