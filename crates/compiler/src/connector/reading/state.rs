//! The form in which it is kept how far a data type was read: JSON with a version. What a newer version wrote is not read.

use raccord_model::checkpoint::{Cursor, PageToken, PartitionId, SourceState};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of the forms below. They are those that checkpoints of version 1 had in their own members.
const VERSION: u8 = 1;

/// What counts: from where the next window begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proven {
    /// How far was read; `None` reads everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cursor: Option<Cursor>,
    /// From where the partitions that are known begin in this window, instead of where each was left off: a person
    /// asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Cursor>,
    /// What the source itself says that it has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<SourceState>,
}

/// The window that is not complete yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Open {
    /// When it was opened, as an instant. What changed later may be on a page that was read before, so that the cursor
    /// moves no further; without it, as early versions wrote windows, an incremental window is begun again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opened: Option<Cursor>,
    /// What was asked for: records from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Cursor>,
    /// The greatest value seen so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) greatest: Option<Cursor>,
    /// The greatest value of the first page that had one. A number or a text that changes later is greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<Cursor>,
    /// Whether a page had a value below one of an earlier page: then what changes while pages are read need not come again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_unordered: bool,
    /// The next page; `None` is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<PageToken>,
    /// The partition under way, of which `greatest` is then the greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<PartitionId>,
    /// What the source itself has said last that it has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<SourceState>,
    /// Whether an earlier run opened it.
    #[serde(skip)]
    pub(super) is_continued: bool,
}

/// With its version.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u8,
    #[serde(flatten)]
    content: T,
}

/// What is kept of it.
pub(super) fn seal<T: Serialize>(content: &T) -> SourceState {
    // The forms hold numbers and texts alone, so writing them cannot fail; an empty state would not be read.
    SourceState::new(serde_json::to_string(&Versioned { v: VERSION, content }).unwrap_or_default())
}

/// What was kept; `None` where it is not of a form that this version reads.
pub(super) fn unseal<T: DeserializeOwned>(state: &SourceState) -> Option<T> {
    let Versioned { v, content } = serde_json::from_str(state.as_str()).ok()?;
    (v == VERSION).then_some(content)
}

/// How far a data type was read, for people; `None` where everything is read every time. `own` words what the source
/// itself has said.
pub fn describe(state: &SourceState, own: impl FnOnce(&SourceState) -> Option<String>) -> Option<String> {
    let proven: Proven = unseal(state)?;
    proven.cursor.map(|cursor| cursor.to_string()).or_else(|| own(proven.own.as_ref()?))
}
