//! The rules by which one data type is read: what its settings say of cursors, order and partitions. Decides where a
//! reading begins and when everything is read; never looks at what was read.

use jiff::Timestamp;
use raccord_model::checkpoint::Cursor;
use raccord_model::duration::Seconds;

use crate::connector::cursor::IncrementalCursor;

/// The rules by which one data type is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'s> {
    /// How only what changed is asked for, when values of a field or tokens of the service tell.
    pub cursor: Option<&'s IncrementalCursor>,
    /// Whether the source says by a state of its own what it has read.
    pub keeps_state: bool,
    /// Whether its pages can shift, being asked for by their position.
    pub positional: bool,
    /// Whether each record of a parent leads to a partition, with a cursor of its own.
    pub partitioned: bool,
}

impl Rules<'_> {
    /// Whether the source can be asked for what has changed alone.
    pub const fn is_incremental(&self) -> bool {
        self.cursor.is_some() || self.keeps_state
    }

    /// Whether the cursor moves with every page: never where pages shift, for a record that was skipped has a smaller
    /// value than those that were shown.
    pub fn is_ordered(&self) -> bool {
        let field = self.cursor.and_then(IncrementalCursor::field);
        field.is_some_and(|field| field.ordered) && !self.positional
    }

    /// Where the very first window begins, when the settings say so.
    pub fn initial(&self) -> Option<Cursor> {
        self.cursor.and_then(IncrementalCursor::initial)
    }

    /// From where on a partition's records are wanted. One that is not known was never read: it begins where the very
    /// first window did, whatever the others have shown since. `since`: from where those that are known begin instead,
    /// because a person asked for it.
    pub fn start(&self, known: Option<Option<Cursor>>, since: Option<&Cursor>) -> Option<Cursor> {
        let left_off = known.and_then(|known| since.cloned().or(known));
        left_off.map_or_else(|| self.initial(), |left_off| self.after(&left_off))
    }

    /// From where on records are wanted that were read up to `cursor`.
    pub(super) fn after(&self, cursor: &Cursor) -> Option<Cursor> {
        self.cursor.map(|rule| rule.with_lookback(cursor))
    }

    /// Whether a window is to read everything in order to find deletions: every so many seconds, `last` being when one was
    /// last complete, in Unix seconds. Where nothing else tells what has changed, every window reads everything anyway.
    pub fn snapshot_is_due(&self, every: Option<Seconds>, last: Option<i64>, now: Timestamp) -> bool {
        match (every, last) {
            (Some(every), Some(last)) if self.is_incremental() => {
                now.as_second() >= last.saturating_add(every.signed())
            }
            _ => true,
        }
    }
}

/// A cursor value that is no instant later than `now`.
pub(super) fn not_beyond(cursor: Cursor, now: Timestamp) -> Cursor {
    match cursor {
        Cursor::Instant(..) => cursor.min(instant(now)),
        Cursor::Integer(_) | Cursor::Text(_) | Cursor::Token(_) => cursor,
    }
}

pub(super) fn instant(at: Timestamp) -> Cursor {
    Cursor::Instant(at.as_second(), at.subsec_nanosecond())
}
