//! How a checkpoint moves: pure functions from where a transfer stands and what a page brought to where it stands then.
//!
//! How far was read is the source's, and moves by its rules ([`Progress`]); whether it counts is decided here. Reading
//! again is always safe; skipping never is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_compiler::connector::reading::{PageRead, Progress, Rules};
use raccord_model::Digest;
use raccord_model::checkpoint::{
    CHECKPOINT_VERSION, Checkpoint, Cursor, Partition, PartitionId, Shift, Window,
};
use raccord_model::fact::{Parents, RunId, Tally};
use raccord_model::language::deletes::Snapshot;
use raccord_model::port::destination::PartitionMark;
use raccord_model::port::records::{How, Passed};

use super::vanished;

/// Where a transfer stands: the checkpoint, and how far its source was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underway {
    /// The checkpoint. Its states are those that it was loaded with; [`Underway::sealed`] writes them anew.
    checkpoint: Checkpoint,
    /// How far was read.
    pub progress: Progress,
}

impl Underway {
    /// Where a checkpoint says that a transfer stands; `None` where its states are not of a form that this version reads.
    pub fn of(checkpoint: Checkpoint) -> Option<Self> {
        let window = checkpoint.window.as_ref().and_then(|window| window.state.as_ref());
        let mut progress = Progress::of(checkpoint.state.as_ref(), window)?;
        if checkpoint.window.is_none() {
            progress.give_up();
        }
        Some(Self { checkpoint, progress })
    }

    /// A transfer of which nothing was read under these settings.
    pub fn new(fingerprint: Digest, epoch: u64, progress: Progress) -> Self {
        let version = CHECKPOINT_VERSION;
        let checkpoint = Checkpoint {
            version,
            fingerprint,
            epoch,
            state: None,
            window: None,
            snapshot_at: None,
            counted: None,
        };
        Self { checkpoint, progress }
    }

    /// The window under way, as far as it is the run's to judge.
    pub const fn window(&self) -> Option<&Window> {
        self.checkpoint.window.as_ref()
    }

    /// The checkpoint as it is kept.
    pub fn sealed(&self) -> Checkpoint {
        let mut checkpoint = self.checkpoint.clone();
        checkpoint.state = self.progress.state();
        if let Some(window) = &mut checkpoint.window {
            window.state = self.progress.window();
        }
        checkpoint
    }

    /// Counts what became of a page.
    pub fn count(&mut self, tally: &Tally) {
        if let Some(window) = &mut self.checkpoint.window {
            window.tally.add(tally);
        }
    }
}

/// What a run knows before it looks at the checkpoint.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The run.
    pub run: RunId,
    /// When it begins.
    pub now: Timestamp,
    /// What the checkpoint must have been made under.
    pub fingerprint: Digest,
    /// What versions before have kept for the same.
    pub earlier: &'a [Digest],
    /// The transfer's epoch.
    pub epoch: u64,
    /// The epoch below which a checkpoint is void.
    pub reset: u64,
    /// How the data type is read.
    pub rules: Rules<'a>,
    /// How deletions are found by reading everything, when they are.
    pub snapshot: Option<&'a Snapshot>,
}

/// What a run begins with.
#[derive(Debug)]
pub struct Opened {
    /// Where the transfer stands, with a window.
    pub underway: Underway,
    /// Whether what was known before is void, that of the partitions too.
    pub is_fresh: bool,
}

/// What a run begins with: a window left open is continued, otherwise a new one is opened. One that is held is begun
/// again, for its source may be mended by now; so is one whose marks do not say where its keys were shown. A snapshot that
/// is not wanted any more is dropped, for what it would sweep is not to go.
pub fn begin(previous: Option<Checkpoint>, setup: &Setup<'_>) -> Opened {
    let good = previous.filter(|checkpoint| is_good(checkpoint, setup)).and_then(Underway::of);
    let is_fresh = good.is_none();
    let underway = good.unwrap_or_else(|| Underway::new(setup.fingerprint, setup.epoch, Progress::default()));
    Opened { underway: open(underway, setup), is_fresh }
}

fn open(mut underway: Underway, setup: &Setup<'_>) -> Underway {
    let Underway { checkpoint, progress } = &mut underway;
    (checkpoint.epoch, checkpoint.fingerprint) = (setup.epoch, setup.fingerprint);
    progress.prepare(setup.rules, setup.now);
    let is_continued = |window: &Window| {
        let is_wanted = setup.snapshot.is_some() || !window.snapshot;
        !window.held && is_wanted && progress.can_go_on(setup.rules, window.placed)
    };
    checkpoint.window = checkpoint.window.take().filter(is_continued);
    if checkpoint.window.is_none() {
        let is_first = checkpoint.snapshot_at.is_none() && progress.begins_at_initial(setup.rules);
        let is_snapshot = if is_first { false } else { snapshot_is_due(checkpoint, setup) };
        if is_first && setup.snapshot.is_some() {
            // What `initial` leaves out is not read now, so the next snapshot has its time from here.
            checkpoint.snapshot_at = Some(setup.now.as_second());
        }
        progress.open(setup.rules, is_snapshot, setup.now);
        checkpoint.window = Some(new_window(is_snapshot, setup));
    }
    underway
}

fn is_good(checkpoint: &Checkpoint, setup: &Setup<'_>) -> bool {
    checkpoint.version == CHECKPOINT_VERSION
        && (checkpoint.fingerprint == setup.fingerprint || setup.earlier.contains(&checkpoint.fingerprint))
        && checkpoint.epoch >= setup.reset
}

fn new_window(snapshot: bool, setup: &Setup<'_>) -> Window {
    Window {
        run: setup.run,
        state: None,
        snapshot,
        keyless: 0,
        incomplete: 0,
        passed_over: 0,
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
    let every = setup.snapshot.map(|snapshot| snapshot.every);
    every.is_some_and(|every| setup.rules.snapshot_is_due(every, checkpoint.snapshot_at, setup.now))
}

/// What a page brought.
#[derive(Debug, Clone, Default)]
pub struct PageEnd {
    /// What it says of how far was read.
    pub read: PageRead,
    /// How many records of the page have no key that can be read.
    pub keyless: u64,
    /// Whether the service has said that there is more, to which no setting leads, or a file ends as one that was cut off.
    pub incomplete: bool,
    /// Whether something was not answered, as the settings allow.
    pub passed_over: bool,
    /// What the source saw of pages that shift.
    pub shift: Option<Shift>,
    /// How many records of the page say that they are deleted.
    pub deletes: u64,
    /// The paths of the mapping that no record had; none of a page without records.
    pub unseen: Option<Vec<String>>,
}

/// Where a transfer stands after a page, its window still open, and what is to be noted of partitions. `counts`: what the
/// source shows in order counts at once.
pub fn within(
    mut underway: Underway,
    end: &PageEnd,
    rules: Rules<'_>,
    counts: bool,
) -> (Underway, Vec<PartitionMark>) {
    let Underway { checkpoint, progress } = &mut underway;
    let Some(window) = &mut checkpoint.window else { return (underway, Vec::new()) };
    let reached = progress.take_in(&end.read, rules, counts);
    if end.shift.is_some() {
        window.shift = window.shift.or(end.shift);
        window.partition = window.partition.map(|partition| Partition { shifted: true, ..partition });
    }
    let (before, own) = end.read.passed();
    let mut reached = reached.into_iter();
    let mut marks: Vec<_> =
        before.iter().zip(&mut reached).map(|(passed, cursor)| pass(window, passed, cursor)).collect();
    if let Some(id) = end.read.partition
        && window.partition.is_none_or(|partition| partition.id != id)
    {
        window.partition = Some(Partition { id, shifted: end.shift.is_some() });
    }
    window.keyless += end.keyless;
    window.incomplete += u64::from(end.incomplete);
    window.passed_over += u64::from(end.passed_over);
    window.deletes += end.deletes;
    window.unseen = vanished::narrow(window.unseen.take(), end.unseen.clone());
    marks.extend(own.iter().zip(&mut reached).map(|(passed, cursor)| pass(window, passed, cursor)));
    (underway, marks)
}

/// What is to be noted of a partition that the reading has come to the end of: how far it was read when it was read whole,
/// and whether its pages shifted, for then its cursor waits.
fn pass(window: &mut Window, passed: &Passed, cursor: Option<Cursor>) -> PartitionMark {
    let partition = window.partition.take_if(|partition| partition.id == passed.partition);
    count(&mut window.parents, passed);
    let waits = partition.is_some_and(|partition| partition.shifted);
    PartitionMark { id: passed.partition, parent: passed.parent, cursor, waits }
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

/// The end of a window that is complete and clean, or approved.
pub fn close(mut underway: Underway, now: Timestamp) -> Underway {
    let Some(window) = underway.checkpoint.window.take() else { return underway };
    underway.progress.close();
    if window.snapshot {
        underway.checkpoint.snapshot_at = Some(now.as_second());
    }
    underway
}

/// The end of a window that was read to its end and yet is not complete: the next one begins where it began.
pub fn give_up(mut underway: Underway) -> Underway {
    underway.checkpoint.window = None;
    underway.progress.give_up();
    underway
}

/// The end of a window that lacks something. What the source itself says that it has read counts where nothing else of the
/// window is to come again: no deletion, no value that was kept, no page that shifted.
pub fn give_up_incomplete(mut underway: Underway) -> Underway {
    let is_sound = |window: &Window| window.deletes == 0 && window.kept.is_empty() && window.shift.is_none();
    if underway.window().is_some_and(is_sound) {
        underway.progress.close_incomplete();
    }
    give_up(underway)
}

/// The same window from its first page: the service no longer knows the page we stopped at.
pub fn restart(mut underway: Underway) -> Underway {
    underway.progress.restart();
    if let Some(window) = &mut underway.checkpoint.window {
        window.attempt = window.attempt.saturating_add(1);
        (window.keyless, window.incomplete, window.shift, window.partition) = (0, 0, None, None);
        window.passed_over = 0;
        window.parents = Parents::default();
        window.deletes = 0;
        // What is shown again is decided again; which paths were seen stays known.
        window.kept = BTreeMap::new();
    }
    underway
}

/// The same window, before its first page, when the source has begun it so many times again because the service no longer knew
/// its token. One that reads everything then is the snapshot that is wanted.
pub fn begun_again(mut underway: Underway, times: u64, setup: &Setup<'_>) -> Underway {
    let reads_everything = underway.progress.begun_again(times, setup.rules);
    if let Some(window) = &mut underway.checkpoint.window {
        window.snapshot |= reads_everything && setup.snapshot.is_some();
    }
    underway
}

/// Before the last page, with what that page says of the window as a whole: the page stays the one to read until it is
/// decided what follows from the window.
pub fn before_end(mut underway: Underway, end: &PageEnd) -> Underway {
    if let Some(window) = &mut underway.checkpoint.window {
        window.deletes += end.deletes;
        window.unseen = vanished::narrow(window.unseen.take(), end.unseen.clone());
    }
    underway
}

/// With what the destination saw and counted when it kept a checkpoint: that a key came on two pages, and the values that it has
/// kept for want of a path.
pub fn with_notes_of(mut underway: Underway, stored: &Checkpoint) -> Underway {
    if let (Some(window), Some(stored)) = (&mut underway.checkpoint.window, &stored.window) {
        window.shift = window.shift.or(stored.shift);
        let is_shifted = |id: PartitionId| stored.partition.is_some_and(|it| it.id == id && it.shifted);
        window.partition =
            window.partition.map(|it| Partition { shifted: it.shifted || is_shifted(it.id), ..it });
        window.kept.clone_from(&stored.kept);
    }
    underway
}

/// The same window from its first page: its pages shifted while they were read, or it has shown more than it began with.
pub fn read_again(mut underway: Underway) -> Underway {
    if let Some(window) = &mut underway.checkpoint.window {
        window.shifts = window.shifts.saturating_add(u32::from(window.shift.is_some()));
    }
    restart(underway)
}

/// The same window, complete and held.
pub fn hold(mut underway: Underway) -> Underway {
    if let Some(window) = &mut underway.checkpoint.window {
        window.held = true;
    }
    underway
}

/// The end of a held window that a person takes for complete. It has proved no deletion: a snapshot is due anew.
pub fn accept(mut underway: Underway) -> Underway {
    if underway.checkpoint.window.take().is_some() {
        underway.progress.close();
    }
    underway
}

/// Whether a window waits for an approval.
pub fn is_held(underway: &Underway) -> bool {
    underway.window().is_some_and(|window| window.held)
}

/// Whether the window under way marks what it shows.
pub fn is_snapshot(underway: &Underway) -> bool {
    underway.window().is_some_and(|window| window.snapshot)
}

#[cfg(test)]
mod tests;
