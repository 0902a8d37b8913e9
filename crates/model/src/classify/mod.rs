//! What becomes of a record: pure decisions, from what is known of its key to what is to be written.
//!
//! A destination looks the key up, asks, and writes what it is told, all in one transaction. Nothing here reads or writes
//! anything, or knows how a destination keeps its rows; whether a unique value is another row's, its index says.

mod suspect;
#[cfg(test)]
mod tests;
mod verdict;

use crate::fact::{Uid, Updates};
use crate::language::{Mode, UpdateType};
use crate::port::destination::{Batch, Change, Changes, Intent, RecordDigest};
use crate::row::{self, FieldId, NotARow, apply_patch, empty_row};

pub use verdict::{Beside, Effect, Ending, Verdict, Write};

/// What the changes of a batch have in common.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'b> {
    /// The transfer.
    pub transfer: Uid,
    /// Whether it owns rows or only enriches those of others.
    pub mode: Mode,
    /// Which update types are wanted.
    pub wanted: Wanted,
    /// Whether deletions wait for the end of their window.
    pub defers_deletes: bool,
    /// The row that a created one begins with.
    pub defaults: &'b [u8],
    /// The fields without which no row is created, in ascending order.
    pub required: &'b [FieldId],
    /// The fields whose values stay as they are, in ascending order.
    pub suspects: &'b [FieldId],
    /// Which digests of unchanged rows are replaced.
    pub renewal: Renewal,
}

impl<'b> Terms<'b> {
    /// The terms of a batch.
    pub fn of(batch: &'b Batch) -> Self {
        let defaults: &[u8] = &batch.target.defaults;
        Self {
            transfer: batch.transfer,
            mode: batch.mode,
            wanted: Wanted::of(&batch.updates),
            defers_deletes: batch.defer_deletes,
            defaults: if defaults.is_empty() { empty_row() } else { defaults },
            required: &batch.target.required,
            suspects: &batch.suspects,
            renewal: Renewal::of(&batch.changes),
        }
    }

    /// Whether the transfer takes a row over that has no owner any more.
    fn adopts(&self, known: &KnownRow<'_>) -> bool {
        self.mode == Mode::Own && known.is_orphan && known.owner != self.transfer
    }
}

/// The update types that are wanted, of which each change asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Whether new rows are.
    pub created: bool,
    /// Whether changed rows are.
    pub updated: bool,
    /// Whether deletions are.
    pub deleted: bool,
}

impl Wanted {
    /// Those of a set.
    pub fn of(updates: &Updates) -> Self {
        Self {
            created: updates.contains(&UpdateType::Created),
            updated: updates.contains(&UpdateType::Updated),
            deleted: updates.contains(&UpdateType::Deleted),
        }
    }
}

/// Which digests of rows are replaced whose records differ only where nothing is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// All: nearly all records are as they were, and the others are to be known the next time.
    All,
    /// Those of another mapping. Where most records differ each time, each run would write each row.
    OtherMapping,
}

impl Renewal {
    /// What is right for the changes of a batch.
    pub fn of(changes: &Changes) -> Self {
        let kept = changes.iter().filter(|change| change.intent == Intent::Keep).count();
        if kept > 0 && kept * 8 >= changes.len() * 7 { Self::All } else { Self::OtherMapping }
    }

    /// Whether a digest takes the place of the one before.
    fn renews(self, before: Option<RecordDigest>, now: Option<RecordDigest>) -> bool {
        now.is_some_and(|now| {
            before.is_none_or(|before| before.mapping != now.mapping || (self == Self::All && before != now))
        })
    }
}

/// What is known of a row that is there.
#[derive(Debug, Clone, Copy)]
pub struct KnownRow<'a> {
    /// The transfer that owns it.
    pub owner: Uid,
    /// Whether that transfer is no more.
    pub is_orphan: bool,
    /// The version at which the batch's transfer has last shown it; empty without one.
    pub version: &'a [u8],
    /// Of the owner's record that it was made of.
    pub digest: Option<RecordDigest>,
    /// The row.
    pub row: &'a [u8],
}

/// What is known of the end of a row, by the batch's transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTombstone {
    /// The version at which it ended.
    pub version: Vec<u8>,
    /// Whether a reading ended it: a snapshot that did not show it, or a record that says so. A later reading may show it as it
    /// was, since versions of a service need not rise where it deletes and restores. Deliveries of webhooks have no such order.
    pub is_swept: bool,
}

impl KnownTombstone {
    fn is_beyond(&self, version: &[u8]) -> bool {
        let version_at_end = self.version.as_slice();
        !version.is_empty() && (version < version_at_end || (version == version_at_end && !self.is_swept))
    }
}

/// Whether a version is older than another. Without a version nothing is older than anything.
pub fn is_older(version: &[u8], than: &[u8]) -> bool {
    !version.is_empty() && !than.is_empty() && version < than
}

/// Whether a version is later than the one that is known, if any is.
fn is_later(version: &[u8], than: &[u8]) -> bool {
    version > than
}

/// Decides about an upsert of a row that is there, and leaves in `next` what the row would be.
pub fn upsert(
    terms: &Terms<'_>,
    change: Change<'_>,
    known: &KnownRow<'_>,
    next: &mut Vec<u8>,
) -> Result<Verdict, NotARow> {
    if is_older(change.version, known.version) {
        return Ok(Verdict::nothing(Effect::Skipped));
    }
    let adopts = terms.adopts(known);
    next.clear();
    apply_patch(known.row, change.patch, next)?;
    let mut kept = Vec::new();
    if !terms.suspects.is_empty() && *next != known.row {
        kept = suspect::keep(known.row, terms.suspects, next)?;
    }
    // A row that may keep a value for want of a path is not made of the record alone, and neither is another's row.
    let is_own = adopts || known.owner == terms.transfer;
    let digest = change.digest.filter(|_| is_own && terms.suspects.is_empty());
    let before = known.digest.filter(|_| !adopts);
    let is_later = is_later(change.version, known.version);
    let beside = |is_written, digest| {
        if is_written { Write::Beside(Beside { adopts, digest }) } else { Write::Nothing }
    };
    let (effect, write) = match (*next == known.row, terms.wanted.updated) {
        (true, _) => {
            let is_written = is_later || adopts || terms.renewal.renews(before, digest);
            (Effect::Unchanged, beside(is_written, digest))
        }
        (false, true) => (Effect::Updated, Write::Row(Beside { adopts, digest })),
        // What lies between is too late from now on, and so is the record that the row was made of.
        (false, false) => (Effect::Skipped, beside(is_later || adopts, before.filter(|_| !is_later))),
    };
    Ok(Verdict { kept, ..Verdict::of(effect, write) })
}

/// Decides about an upsert of a row that is not there, and leaves in `next` what the row would be.
pub fn upsert_absent(
    terms: &Terms<'_>,
    change: Change<'_>,
    tombstone: Option<&KnownTombstone>,
    next: &mut Vec<u8>,
) -> Result<Verdict, NotARow> {
    if terms.mode == Mode::Enrich {
        // An enrichment is an update of a row to come, and waits only when updates are wanted.
        return Ok(if terms.wanted.updated {
            Verdict::of(Effect::Waits, Write::Wait)
        } else {
            Verdict::nothing(Effect::Skipped)
        });
    }
    let is_late = tombstone.is_some_and(|tombstone| tombstone.is_beyond(change.version));
    if is_late || !terms.wanted.created {
        return Ok(Verdict::nothing(Effect::Skipped));
    }
    next.clear();
    apply_patch(terms.defaults, change.patch, next)?;
    Ok(match missing(next, terms.required)? {
        Some(field) => Verdict::of(Effect::Rejected, Write::Refuse(field)),
        None => Verdict::of(Effect::Created, Write::Create(change.digest)),
    })
}

/// Whether a row is shown again whose deletion, at a version, waits for the end of the window: then it is created anew, as
/// after a deletion that was done at once.
pub fn revives(terms: &Terms<'_>, change: Change<'_>, version: &[u8]) -> bool {
    let tombstone = KnownTombstone { version: version.to_vec(), is_swept: false };
    terms.mode == Mode::Own && terms.wanted.created && !tombstone.is_beyond(change.version)
}

/// Decides about a deletion.
pub fn delete(terms: &Terms<'_>, change: Change<'_>, known: Option<&KnownRow<'_>>) -> Verdict {
    let refused =
        |is_late: bool| if terms.wanted.deleted && !is_late { Effect::Gone } else { Effect::Skipped };
    let ending = match terms.mode {
        Mode::Enrich => Ending::Waiting,
        Mode::Own if !terms.wanted.deleted => Ending::Nothing,
        Mode::Own if !change.version.is_empty() => Ending::Tombstone,
        // Without it, what is older than the row that goes would bring it back.
        Mode::Own if known.is_some_and(|known| !known.version.is_empty()) => Ending::TombstoneOfRow,
        Mode::Own => Ending::Nothing,
    };
    let Some(known) = known else {
        // Its creation may be on its way, and is then too late.
        return Verdict { ending, ..Verdict::nothing(refused(false)) };
    };
    let adopts = terms.adopts(known);
    let is_late = is_older(change.version, known.version);
    if is_late || !terms.wanted.deleted || !(adopts || known.owner == terms.transfer) {
        // It is the latest that is known of the row, also where it is not wanted.
        let write = if is_later(change.version, known.version) {
            Write::Beside(Beside { adopts: false, digest: None })
        } else {
            Write::Nothing
        };
        return Verdict::of(refused(is_late), write);
    }
    if terms.defers_deletes {
        return Verdict::of(Effect::Doomed, Write::Doom { adopts });
    }
    Verdict { ending, ..Verdict::of(Effect::Deleted, Write::Remove { adopts }) }
}

/// The first of the required fields that a row lacks.
fn missing(row: &[u8], required: &[FieldId]) -> Result<Option<FieldId>, NotARow> {
    for &id in required {
        let mut is_there = false;
        for field in row::fields(row)? {
            let field = field?;
            is_there |= field.id == id && !field.is_empty();
        }
        if !is_there {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
