//! Where the next run of a transfer continues: a window over the source's changes and a page inside it.
//!
//! The cursor moves on only when the window is complete, for pages are not in order unless the source says
//! so. A checkpoint is committed together with the records it speaks of.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::fact::{RunId, Tally};
use crate::value::Instant;

/// The version of the form below.
pub const CHECKPOINT_VERSION: u8 = 1;

/// Where the next run continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// [`CHECKPOINT_VERSION`].
    pub version: u8,
    /// What the checkpoint was made under: the source's settings for the data type, and the mapping. With
    /// another fingerprint it says nothing.
    pub fingerprint: Digest,
    /// The transfer's epoch when it was made. One lower than the transfer's `reset` makes it void; one between
    /// `reset` and the transfer's epoch is still good.
    pub epoch: u64,
    /// From where the next window begins; `None` reads everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The window that is not complete yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// When a snapshot was last complete, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_at: Option<i64>,
}

/// A window under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The run that opened it.
    pub run: RunId,
    /// What was asked for: records from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Cursor>,
    /// The greatest value seen so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greatest: Option<Cursor>,
    /// The next page; `None` is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PageToken>,
    /// Whether the window is a snapshot: then the keys that it shows are marked.
    #[serde(default)]
    pub snapshot: bool,
    /// How many records the snapshot has shown whose key cannot be read: any row that it does not show may be theirs.
    #[serde(default, skip_serializing_if = "crate::fact::is_zero")]
    pub keyless: u64,
    /// Whether the snapshot is complete and its sweep held: a person approves it, or it is begun again. It is never
    /// continued.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// What the window has brought so far, over all the runs that worked on it.
    pub tally: Tally,
}

/// A value of an incremental field, comparable with others of the same field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cursor {
    /// An instant, as seconds and nanoseconds.
    Instant(i64, i32),
    /// A number that grows.
    Integer(i64),
    /// A text that grows.
    Text(String),
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
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// Where a page begins, in the words of the connector that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageToken(pub String);
