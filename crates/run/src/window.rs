//! How a checkpoint moves: pure functions from a checkpoint and what a page brought to the next checkpoint.
//!
//! The cursor moves on only when the window is complete, unless the source answers in order. Reading again
//! is always safe; skipping never is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_compiler::connector::IncrementalCursor;
use raccord_model::Digest;
use raccord_model::checkpoint::{
    CHECKPOINT_VERSION, Checkpoint, Cursor, PageToken, Partition, PartitionId, Shift, Window,
};
use raccord_model::fact::{Parents, RunId, Tally};
use raccord_model::language::deletes::Snapshot;
use raccord_model::port::destination::PartitionMark;
use raccord_model::port::records::{How, Passed};

use super::vanished;

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
    /// Whether its pages can shift, being asked for by their position.
    pub positional: bool,
    /// Whether each record of a parent leads to a partition, with a cursor of its own.
    pub partitioned: bool,
    /// How deletions are found by reading everything, when they are.
    pub snapshot: Option<&'a Snapshot>,
}

/// What a run begins with.
#[derive(Debug)]
pub struct Opened {
    /// The checkpoint, with a window.
    pub checkpoint: Checkpoint,
    /// Whether what was known before is void, that of the partitions too.
    pub is_fresh: bool,
}

/// What a run begins with: a window left open is continued, otherwise a new one is opened. One that is held is begun
/// again, for its source may be mended by now; so is one whose marks do not say where its keys were shown. A snapshot that
/// nobody wants any more is dropped, for what it would sweep is not to go.
pub fn begin(previous: Option<Checkpoint>, setup: &Setup<'_>) -> Opened {
    let good = previous.filter(|checkpoint| is_good(checkpoint, setup));
    let is_fresh = good.is_none();
    Opened { checkpoint: open(good, setup), is_fresh }
}

fn open(previous: Option<Checkpoint>, setup: &Setup<'_>) -> Checkpoint {
    let mut checkpoint = previous.filter(|checkpoint| is_good(checkpoint, setup)).unwrap_or(Checkpoint {
        version: CHECKPOINT_VERSION,
        fingerprint: setup.fingerprint,
        epoch: setup.epoch,
        cursor: None,
        since: None,
        window: None,
        snapshot_at: None,
    });
    checkpoint.epoch = setup.epoch;
    checkpoint.cursor = checkpoint.cursor.map(|cursor| not_beyond(cursor, setup.now));
    if setup.partitioned {
        // One cursor once stood for all parents, and whatever was older of a new one never came. It says nothing of any.
        checkpoint.cursor = None;
    }
    let is_continued = |window: &Window| {
        let is_dated = window.opened.is_some() || setup.cursor.is_none();
        let is_wanted = setup.snapshot.is_some() || !window.snapshot;
        !window.held && is_wanted && is_dated && (window.placed || window.page.is_none() || !setup.positional)
    };
    checkpoint.window = checkpoint.window.filter(is_continued);
    if checkpoint.window.is_none() {
        if setup.snapshot.is_some() && begins_at_initial(&checkpoint, setup) {
            // What `initial` leaves out is not read now, so the next snapshot has its time from here.
            checkpoint.snapshot_at = Some(setup.now.as_second());
            checkpoint.window = Some(window_of(false, &checkpoint, setup));
            return checkpoint;
        }
        checkpoint.window = Some(new_window(&checkpoint, setup));
    }
    checkpoint
}

/// A cursor value that is no instant later than `now`.
pub fn not_beyond(cursor: Cursor, now: Timestamp) -> Cursor {
    match cursor {
        Cursor::Instant(..) => cursor.min(instant(now)),
        Cursor::Integer(_) | Cursor::Text(_) | Cursor::Token(_) => cursor,
    }
}

/// How far a window may move its cursor after a page on which a run has seen `greatest`. A record that changed after the
/// window was opened may have been on a page that an earlier run read: so no instant beyond the opening, and no other value
/// that a later run sees, for what it would skip cannot be told.
pub fn admitted(greatest: Cursor, window: &Window, run: RunId) -> Option<Cursor> {
    match (&greatest, &window.opened) {
        (Cursor::Instant(..), Some(opened)) => Some(greatest.min(opened.clone())),
        // A token is the service's word for the whole reading; where it cannot be, the source names none.
        (Cursor::Instant(..), None) | (Cursor::Token(_), _) => Some(greatest),
        (Cursor::Integer(_) | Cursor::Text(_), _) => (window.run == run).then_some(greatest),
    }
}

fn instant(at: Timestamp) -> Cursor {
    Cursor::Instant(at.as_second(), at.subsec_nanosecond())
}

fn is_good(checkpoint: &Checkpoint, setup: &Setup<'_>) -> bool {
    checkpoint.version == CHECKPOINT_VERSION
        && checkpoint.fingerprint == setup.fingerprint
        && checkpoint.epoch >= setup.reset
}

/// Whether this is the very first window, and the settings say where that begins.
fn begins_at_initial(checkpoint: &Checkpoint, setup: &Setup<'_>) -> bool {
    let has_initial = setup.cursor.is_some_and(|cursor| cursor.initial().is_some());
    has_initial && checkpoint.cursor.is_none() && checkpoint.snapshot_at.is_none()
}

fn new_window(checkpoint: &Checkpoint, setup: &Setup<'_>) -> Window {
    window_of(snapshot_is_due(checkpoint, setup), checkpoint, setup)
}

fn window_of(snapshot: bool, checkpoint: &Checkpoint, setup: &Setup<'_>) -> Window {
    let from = match setup.cursor {
        Some(cursor) if !snapshot => match &checkpoint.cursor {
            Some(last) => Some(cursor.with_lookback(last)),
            None => cursor.initial(),
        },
        _ => None,
    };
    Window {
        run: setup.run,
        opened: Some(instant(setup.now)),
        from,
        greatest: None,
        page: None,
        snapshot,
        keyless: 0,
        held: false,
        attempt: 0,
        shifts: 0,
        placed: true,
        shift: None,
        partition: None,
        parents: Parents::default(),
        deletes: 0,
        unseen: None,
        kept: BTreeMap::new(),
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
    /// The greatest cursor value on the page; after the last page, the token from which the next window goes on.
    pub greatest: Option<Cursor>,
    /// How many records of the page have no key that can be read.
    pub keyless: u64,
    /// What the source saw of pages that shift.
    pub shift: Option<Shift>,
    /// The partition that the page is of.
    pub partition: Option<PartitionId>,
    /// Whether it is the last one of it.
    pub ends_partition: bool,
    /// The partitions that the reading has come to the end of: before the page, and then that of the page if it ends with it.
    pub passed: Vec<Passed>,
    /// How many records of the page say that they are deleted.
    pub deletes: u64,
    /// The paths of the mapping that no record had; none of a page without records.
    pub unseen: Option<Vec<String>>,
}

/// The checkpoint after a page, its window still open, and what is to be noted of partitions. `ordered`: the source answers
/// in ascending order of its cursor, and its pages cannot shift.
pub fn within(mut checkpoint: Checkpoint, end: &PageEnd, ordered: bool) -> (Checkpoint, Vec<PartitionMark>) {
    let Some(window) = &mut checkpoint.window else { return (checkpoint, Vec::new()) };
    if end.shift.is_some() {
        window.shift = window.shift.or(end.shift);
        window.partition = window.partition.map(|partition| Partition { shifted: true, ..partition });
    }
    let (before, own) =
        end.passed.split_at(end.passed.len() - usize::from(end.ends_partition).min(end.passed.len()));
    let mut marks: Vec<_> = before.iter().map(|passed| pass(window, passed)).collect();
    if let Some(id) = end.partition
        && window.partition.is_none_or(|partition| partition.id != id)
    {
        (window.partition, window.greatest) = (Some(Partition { id, shifted: end.shift.is_some() }), None);
    }
    window.greatest = window.greatest.take().max(end.greatest.clone());
    window.keyless += end.keyless;
    window.deletes += end.deletes;
    window.unseen = vanished::narrow(window.unseen.take(), end.unseen.clone());
    marks.extend(own.iter().map(|passed| pass(window, passed)));
    if end.next.is_some() {
        window.page.clone_from(&end.next);
    }
    if ordered && window.partition.is_none() {
        checkpoint.cursor = checkpoint.cursor.max(window.greatest.clone());
    }
    (checkpoint, marks)
}

/// What is to be noted of a partition that the reading has come to the end of: how far it was read when it was read whole,
/// and whether its pages shifted, for then its cursor waits.
fn pass(window: &mut Window, passed: &Passed) -> PartitionMark {
    let token = passed.token.clone().map(Cursor::Token).filter(|_| passed.how == How::Read);
    let (id, parent) = (passed.partition, passed.parent);
    let mut mark = PartitionMark { id, parent, cursor: None, waits: false };
    if let Some(partition) = window.partition.take_if(|partition| partition.id == passed.partition) {
        mark.cursor = window.greatest.take().filter(|_| passed.how == How::Read);
        mark.waits = partition.shifted;
    }
    mark.cursor = Cursor::advance(mark.cursor, token);
    count(&mut window.parents, passed);
    mark
}

fn count(parents: &mut Parents, passed: &Passed) {
    let refused = |status: u16| u64::from(matches!(status, 401 | 403));
    match &passed.how {
        How::Read => parents.read += u64::from(passed.is_own),
        How::Skipped { status } => {
            parents.skipped += 1;
            // Only what is not there says that its children are not, either.
            parents.unproven += u64::from(!matches!(status, 404 | 410));
            parents.refused += refused(*status);
        }
        How::Failed { status, message } => {
            parents.failed += 1;
            parents.refused += status.map_or(0, refused);
            parents.first_failure.get_or_insert_with(|| message.clone());
        }
    }
}

/// The checkpoint of a window that is complete and clean, or accepted as it is.
pub fn close(mut checkpoint: Checkpoint, now: Timestamp) -> Checkpoint {
    let Some(window) = checkpoint.window.take() else { return checkpoint };
    checkpoint.cursor = Cursor::advance(checkpoint.cursor, window.greatest);
    checkpoint.since = None;
    if window.snapshot {
        checkpoint.snapshot_at = Some(now.as_second());
    }
    checkpoint
}

/// The checkpoint of a window that was read to its end and yet is not complete: the next one begins where it began.
pub fn give_up(checkpoint: Checkpoint) -> Checkpoint {
    Checkpoint { window: None, ..checkpoint }
}

/// The same window from its first page: the service no longer knows the page we stopped at.
pub fn restart(mut checkpoint: Checkpoint) -> Checkpoint {
    if let Some(window) = &mut checkpoint.window {
        window.attempt = window.attempt.saturating_add(1);
        (window.page, window.greatest, window.keyless) = (None, None, 0);
        (window.shift, window.partition) = (None, None);
        window.parents = Parents::default();
        window.deletes = 0;
        // What is shown again is decided again; which paths were seen stays known.
        window.kept = BTreeMap::new();
    }
    checkpoint
}

/// The same window, before its first page, when the source has begun it so many times again because the service no longer knew
/// its token. One that reads everything then is the snapshot that is wanted.
pub fn begun_again(mut checkpoint: Checkpoint, times: u64, setup: &Setup<'_>) -> Checkpoint {
    if let (Some(window), Some(cursor)) = (&mut checkpoint.window, setup.cursor) {
        for _ in 0..times {
            window.from = window.from.as_ref().and_then(|from| cursor.earlier(from));
        }
        window.snapshot |= times > 0 && window.from.is_none() && setup.snapshot.is_some();
    }
    checkpoint
}

/// The checkpoint before the last page, with what that page says of the window as a whole: the page stays the one to read
/// until it is decided what follows from the window.
pub fn before_end(mut checkpoint: Checkpoint, end: &PageEnd) -> Checkpoint {
    if let Some(window) = &mut checkpoint.window {
        window.deletes += end.deletes;
        window.unseen = vanished::narrow(window.unseen.take(), end.unseen.clone());
    }
    checkpoint
}

/// The checkpoint with the values counted that the destination has kept for want of a path.
pub fn with_kept_of(mut checkpoint: Checkpoint, stored: &Checkpoint) -> Checkpoint {
    if let (Some(window), Some(stored)) = (&mut checkpoint.window, &stored.window) {
        window.kept.clone_from(&stored.kept);
    }
    checkpoint
}

/// The same window from its first page: its pages shifted while they were read, or it has shown more than it began with.
pub fn read_again(mut checkpoint: Checkpoint) -> Checkpoint {
    if let Some(window) = &mut checkpoint.window {
        window.shifts = window.shifts.saturating_add(u32::from(window.shift.is_some()));
    }
    restart(checkpoint)
}

/// The checkpoint with what the destination saw when it kept one: that a key came on two pages.
pub fn with_shift_of(mut checkpoint: Checkpoint, stored: &Checkpoint) -> Checkpoint {
    if let (Some(window), Some(stored)) = (&mut checkpoint.window, &stored.window) {
        window.shift = window.shift.or(stored.shift);
        let is_shifted = |id: PartitionId| stored.partition.is_some_and(|it| it.id == id && it.shifted);
        window.partition =
            window.partition.map(|it| Partition { shifted: it.shifted || is_shifted(it.id), ..it });
    }
    checkpoint
}

/// The same window, complete and held.
pub fn hold(mut checkpoint: Checkpoint) -> Checkpoint {
    if let Some(window) = &mut checkpoint.window {
        window.held = true;
    }
    checkpoint
}

/// The checkpoint of a held window that a person takes for complete. It has proved no deletion: a snapshot is due anew.
pub fn accept(mut checkpoint: Checkpoint) -> Checkpoint {
    if let Some(window) = checkpoint.window.take() {
        checkpoint.cursor = Cursor::advance(checkpoint.cursor, window.greatest);
        checkpoint.since = None;
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
