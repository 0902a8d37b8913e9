//! How a checkpoint moves: pure functions from a checkpoint and what a page brought to the next checkpoint.
//!
//! The cursor moves on only when the window is complete, unless the source answers in order. Reading again
//! is always safe; skipping never is.

use jiff::Timestamp;
use raccord_compiler::connector::IncrementalCursor;
use raccord_model::Digest;
use raccord_model::checkpoint::{CHECKPOINT_VERSION, Checkpoint, Cursor, PageToken, Window};
use raccord_model::fact::{RunId, Tally};
use raccord_model::language::deletes::Snapshot;

/// What a run knows before it looks at the checkpoint.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The run.
    pub run: RunId,
    /// When it begins.
    pub now: Timestamp,
    /// What the checkpoint must have been made under.
    pub fingerprint: Digest,
    /// The transfer's epoch.
    pub epoch: u64,
    /// The epoch below which a checkpoint is void.
    pub reset: u64,
    /// How only what changed is asked for, when the source can tell.
    pub cursor: Option<&'a IncrementalCursor>,
    /// How deletions are found by reading everything, when they are.
    pub snapshot: Option<&'a Snapshot>,
}

/// The checkpoint that a run begins with: a window left open is continued, otherwise a new one is opened. A snapshot
/// that is held is begun again, for its source may be mended by now; and one that nobody wants any more is dropped,
/// for what it would sweep is not to go.
pub fn open(previous: Option<Checkpoint>, setup: &Setup<'_>) -> Checkpoint {
    let mut checkpoint = previous.filter(|checkpoint| is_good(checkpoint, setup)).unwrap_or(Checkpoint {
        version: CHECKPOINT_VERSION,
        fingerprint: setup.fingerprint,
        epoch: setup.epoch,
        cursor: None,
        window: None,
        snapshot_at: None,
    });
    checkpoint.epoch = setup.epoch;
    checkpoint.cursor = checkpoint.cursor.map(|cursor| not_beyond(cursor, setup.now));
    let is_continued = |window: &Window| !window.held && (setup.snapshot.is_some() || !window.snapshot);
    checkpoint.window = checkpoint.window.filter(is_continued);
    if checkpoint.window.is_none() {
        checkpoint.window = Some(new_window(&checkpoint, setup));
    }
    checkpoint
}

/// A cursor value that is no instant later than `now`.
pub fn not_beyond(cursor: Cursor, now: Timestamp) -> Cursor {
    match cursor {
        Cursor::Instant(..) => cursor.min(Cursor::Instant(now.as_second(), now.subsec_nanosecond())),
        Cursor::Integer(_) | Cursor::Text(_) => cursor,
    }
}

fn is_good(checkpoint: &Checkpoint, setup: &Setup<'_>) -> bool {
    checkpoint.version == CHECKPOINT_VERSION
        && checkpoint.fingerprint == setup.fingerprint
        && checkpoint.epoch >= setup.reset
}

fn new_window(checkpoint: &Checkpoint, setup: &Setup<'_>) -> Window {
    let snapshot = snapshot_is_due(checkpoint, setup);
    let from = match setup.cursor {
        Some(cursor) if !snapshot => match &checkpoint.cursor {
            Some(last) => Some(cursor.with_lookback(last)),
            None => cursor.initial(),
        },
        _ => None,
    };
    Window {
        run: setup.run,
        from,
        greatest: None,
        page: None,
        snapshot,
        keyless: 0,
        held: false,
        tally: Tally::default(),
    }
}

/// Whether this window is to read everything in order to find deletions.
fn snapshot_is_due(checkpoint: &Checkpoint, setup: &Setup<'_>) -> bool {
    let Some(snapshot) = setup.snapshot else { return false };
    match (setup.cursor, snapshot.every, checkpoint.snapshot_at) {
        (Some(_), Some(every), Some(last)) => setup.now.as_second() >= last.saturating_add(every.signed()),
        // Without a cursor every window reads everything anyway.
        _ => true,
    }
}

/// What a page brought.
#[derive(Debug, Clone, Default)]
pub struct PageEnd {
    /// Where the next page begins; `None` after the last one.
    pub next: Option<PageToken>,
    /// The greatest cursor value on the page.
    pub greatest: Option<Cursor>,
    /// How many records of the page have no key that can be read.
    pub keyless: u64,
}

/// The checkpoint after a page. `ordered`: the source answers in ascending order of its cursor.
pub fn after_page(mut checkpoint: Checkpoint, end: PageEnd, ordered: bool, now: Timestamp) -> Checkpoint {
    let Some(mut window) = checkpoint.window.take() else { return checkpoint };
    window.greatest = window.greatest.max(end.greatest);
    window.keyless += end.keyless;
    if end.next.is_none() || ordered {
        checkpoint.cursor = checkpoint.cursor.max(window.greatest.clone());
    }
    if end.next.is_some() {
        window.page = end.next;
        checkpoint.window = Some(window);
    } else if window.snapshot {
        checkpoint.snapshot_at = Some(now.as_second());
    }
    checkpoint
}

/// The checkpoint of a complete snapshot whose sweep was held and is now approved.
pub fn after_sweep(checkpoint: Checkpoint, now: Timestamp) -> Checkpoint {
    after_page(checkpoint, PageEnd::default(), false, now)
}

/// The same window from its first page: the service no longer knows the page we stopped at.
pub fn restart(mut checkpoint: Checkpoint) -> Checkpoint {
    if let Some(window) = &mut checkpoint.window {
        window.page = None;
        window.keyless = 0;
    }
    checkpoint
}

/// The same window, complete, that is held for a person.
pub fn hold(mut checkpoint: Checkpoint) -> Checkpoint {
    if let Some(window) = &mut checkpoint.window {
        window.held = true;
    }
    checkpoint
}

/// The checkpoint of a held window that a person takes for complete. It has proved no deletion: a snapshot is due anew.
pub fn accept(mut checkpoint: Checkpoint) -> Checkpoint {
    if let Some(window) = checkpoint.window.take() {
        checkpoint.cursor = checkpoint.cursor.max(window.greatest);
    }
    checkpoint
}

/// Whether a checkpoint's window waits for an approval.
pub fn is_held(checkpoint: &Checkpoint) -> bool {
    checkpoint.window.as_ref().is_some_and(|window| window.held)
}

/// Whether the window under way marks what it shows.
pub fn is_snapshot(checkpoint: &Checkpoint) -> bool {
    checkpoint.window.as_ref().is_some_and(|window| window.snapshot)
}

#[cfg(test)]
mod tests;
