//! Checkpoints as they were written: those of version 1 had cursors and pages in members of their own, which become the
//! states of the source. Reads alone; what is written is always of the present version.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::row::FieldId;

use super::{
    CHECKPOINT_VERSION, Checkpoint, Counted, Cursor, Digest, PageToken, Partition, PartitionId, SourceState,
    Window,
};

/// The version whose cursors stood in members of their own.
const WITH_CURSORS: u8 = 1;

/// A checkpoint of any version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    version: u8,
    fingerprint: Digest,
    epoch: u64,
    state: Option<SourceState>,
    #[serde(flatten)]
    reached: Reached,
    window: Option<WrittenWindow>,
    snapshot_at: Option<i64>,
    counted: Option<Counted>,
}

/// A window of any version.
#[derive(Deserialize)]
struct WrittenWindow {
    #[serde(flatten)]
    asked: Asked,
    #[serde(flatten)]
    window: Window,
}

/// What version 1 said of what counts, as it was kept.
#[derive(Serialize, Deserialize)]
struct Reached {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<Cursor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Cursor>,
}

/// What version 1 said of a window, as it was kept.
#[derive(Serialize, Deserialize)]
struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    opened: Option<Cursor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Cursor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    greatest: Option<Cursor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<PageToken>,
}

/// The first form of a state of cursors: the members of a checkpoint of version 1.
#[derive(Serialize)]
struct Versioned<T> {
    v: u8,
    #[serde(flatten)]
    content: T,
}

/// The window's members, and which partition its greatest value is of.
#[derive(Serialize)]
struct AskedOf {
    #[serde(flatten)]
    asked: Asked,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<PartitionId>,
}

fn state<T: Serialize>(content: T) -> SourceState {
    // It holds numbers and texts alone, so writing it cannot fail; an empty state makes the checkpoint void.
    SourceState::new(serde_json::to_string(&Versioned { v: 1, content }).unwrap_or_default())
}

/// Counts by field. Beside members that are flattened, a number that is the name of a member comes as a text.
pub(super) fn by_field<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<FieldId, u64>, D::Error> {
    let counts = BTreeMap::<String, u64>::deserialize(deserializer)?;
    let number = |(field, count): (String, u64)| Ok((field.parse().map_err(D::Error::custom)?, count));
    counts.into_iter().map(number).collect()
}

impl From<Written> for Checkpoint {
    fn from(written: Written) -> Self {
        let Written { version, fingerprint, epoch, state, reached, window, snapshot_at, counted } = written;
        let is_earlier = version == WITH_CURSORS;
        Self {
            version: if is_earlier { CHECKPOINT_VERSION } else { version },
            fingerprint,
            epoch,
            state: if is_earlier { reached.into_state() } else { state },
            window: window.map(|window| if is_earlier { window.into_window() } else { window.window }),
            snapshot_at,
            counted,
        }
    }
}

impl Reached {
    fn into_state(self) -> Option<SourceState> {
        let has_any = self.cursor.is_some() || self.since.is_some();
        has_any.then(|| state(self))
    }
}

impl WrittenWindow {
    fn into_window(self) -> Window {
        let Self { asked, window } = self;
        let partition = window.partition.map(|Partition { id, .. }| id);
        Window { state: Some(state(AskedOf { asked, partition })), ..window }
    }
}
