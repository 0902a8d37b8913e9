//! Partitions: how far the children of each parent record were read. Of what a reading has met twice on different pages, the
//! pages have shifted.

use crate::checkpoint::{Cursor, PartitionId, Shift, Spot};
use crate::port::destination::{PartitionMark, Reading};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::overlay::Overlay;

/// A partition, or the parent record of one, that a reading has met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// By which reading.
    pub by: Reading,
    /// What is known of it.
    pub known: Known,
}

/// What is known of it, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// How far it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// How far it was read in a window that is yet to be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<Cursor>,
    /// On which page of the parents, and of which partition these are, when they can shift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<Uuid>,
}

impl Known {
    fn spot(&self) -> Option<Spot> {
        self.page.map(|page| Spot { partition: self.of.map(PartitionId), page })
    }

    /// Takes for proven how far it was read.
    pub fn accept(&mut self) {
        if let Some(unproven) = self.unproven.take() {
            self.cursor = Cursor::advance(self.cursor.take(), Some(unproven));
        }
    }
}

/// The two pages of one chain on which the same thing stood.
pub fn pages(before: Option<Spot>, now: Option<Spot>) -> Option<(u64, u64)> {
    let (before, now) = (before?, now?);
    (before.partition == now.partition && before.page != now.page).then_some((before.page, now.page))
}

/// Notes that a reading has come to the end of a partition, whose cursor may move on or waits.
pub fn meet(
    met: &mut Overlay<PartitionId, Met>,
    by: Reading,
    mark: &PartitionMark,
    moves: bool,
) -> Option<Shift> {
    let before = met.get(&mark.id).and_then(|met| met.known.cursor.clone());
    let known = if moves {
        Known { cursor: Cursor::advance(before, mark.cursor.clone()), ..Known::default() }
    } else {
        Known { cursor: before, unproven: mark.cursor.clone(), ..Known::default() }
    };
    met.set(mark.id, Met { by, known });
    let (parent, spot) = mark.parent?;
    let before = met.get(&parent).filter(|before| before.by == by).and_then(|before| before.known.spot());
    let of = spot.partition.map(|PartitionId(id)| id);
    met.set(parent, Met { by, known: Known { page: Some(spot.page), of, ..Known::default() } });
    pages(before, Some(spot)).map(|(first, again)| Shift::Parent { first, again })
}
