//! The end of a window: whether what it has proved to be gone is too much, and what is remembered of the rows that go.

use std::collections::HashSet;
use std::hash::BuildHasher;

use super::deletion::nanoseconds;
use super::rejects::{self, hexadecimal};
use super::working::{Key, Tombstone, Working};
use crate::fact::{DeletedBy, Reject, RejectId, Run};
use crate::port::destination::{Staying, Sweep, Swept};
use crate::row;
use crate::value::Value;

/// A row that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Going {
    /// Its key.
    pub key: Key,
    /// The version at which its record said so, empty without one; nothing of one that a snapshot did not show.
    pub said: Option<Vec<u8>>,
    /// The version that its transfer has last shown.
    pub known: Vec<u8>,
}

impl Going {
    /// What is remembered of its end; nothing of a row without versions.
    pub fn tombstone(&self, sweep: &Sweep) -> Option<Tombstone> {
        let version = self.said.as_ref().filter(|said| !said.is_empty()).unwrap_or(&self.known).clone();
        let (transfer, at) = (sweep.transfer, nanoseconds(sweep.at));
        (!version.is_empty()).then_some(Tombstone { transfer, version, is_swept: true, at })
    }
}

/// A row that is to go, and why the destination cannot let it go.
pub type Undeletable<'g> = (&'g Going, String);

/// How often the rows that stay are tried again at most, and up to how many of them it is done however few have gone.
const MOST_PASSES: u32 = 32;
const FEW: usize = 10_000;

/// Whether those that a pass could not remove are tried again: rows that referred to them may have gone after them. Of many, a
/// sixteenth has to have gone, so that all passes together take a bounded multiple of the first.
pub const fn tries_again(pass: u32, tried: usize, stay: usize) -> bool {
    let gone = tried.saturating_sub(stay);
    gone > 0 && stay > 0 && pass < MOST_PASSES && (stay <= FEW || gone >= tried / 16)
}

/// The rows that stay although they are to go, as rejects to be kept: those that are among the `stored` ones of the transfer, and
/// as many new ones as there is room for, so that none makes a reject of a record go. And how many there are beside.
pub fn staying<S: BuildHasher>(
    sweep: &Sweep,
    kept: &[Undeletable<'_>],
    stored: &HashSet<RejectId, S>,
) -> (Working, u64) {
    let (mut set, mut further) = (Working::default(), 0);
    let mut room = sweep.keep_rejects.0.saturating_sub(u64::try_from(stored.len()).unwrap_or(u64::MAX));
    for (going, reason) in kept {
        let reject = Reject {
            transfer: sweep.transfer,
            run: sweep.run,
            at: sweep.at,
            position: position(going).to_owned(),
            field: None,
            reason: reason.clone(),
            key: Some(hexadecimal(&going.key)),
            payload: None,
            parent: None,
            deletion: true,
            partial: false,
            fetch: None,
        };
        if !stored.contains(&rejects::identity(&reject)) {
            if room == 0 {
                further += 1;
                continue;
            }
            room -= 1;
        }
        rejects::keep(&mut set, &reject, going.said.as_deref().unwrap_or_default());
    }
    (set, further)
}

/// Where a reject of a row that stays was met. It holds no key: it is told in mails, too, whatever `rejects.payload` says.
const UNSEEN: &str = "not in the snapshot";
const SAID: &str = "said to be deleted";

const fn position(going: &Going) -> &'static str {
    if going.said.is_some() { SAID } else { UNSEEN }
}

/// Which row a reject is of that stays although it is to go, for those who may see rows; nothing of another reject.
pub fn row_that_stays(reject: &Reject) -> Option<String> {
    let key = rejects::key_of(reject).filter(|_| [UNSEEN, SAID].contains(&reject.position.as_str()))?;
    let values = row::key_values(&key).ok()?;
    let key: Vec<_> = values.iter().map(Value::to_text).collect();
    Some(format!("row {}, {}", key.join(", "), reject.position))
}

/// How many rows a sweep is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// That the snapshot did not show.
    pub unseen: u64,
    /// That records said to be deleted.
    pub marked: u64,
    /// That the transfer owns.
    pub owned: u64,
    /// Whether the window has shown anything at all.
    pub has_marks: bool,
}

impl Counts {
    /// What became of a sweep after which some rows stay, `further` of them without a reject, and how many have gone.
    pub fn without(self, kept: &[Undeletable<'_>], further: u64) -> (Staying, Self) {
        let count =
            |is_marked: bool| kept.iter().filter(|(going, _)| going.said.is_some() == is_marked).count();
        let count = |is_marked| u64::try_from(count(is_marked)).unwrap_or(u64::MAX);
        let staying = Staying { unseen: count(false), marked: count(true), further };
        let unseen = self.unseen.saturating_sub(staying.unseen);
        let marked = self.marked.saturating_sub(staying.marked);
        (staying, Self { unseen, marked, ..self })
    }
}

/// Why a sweep deletes nothing, if it would delete too much: the rows that would go are these.
pub fn held<'a>(sweep: &Sweep, counts: Counts, going: impl Iterator<Item = &'a Going>) -> Option<Swept> {
    let within = sweep.within?;
    let Counts { unseen, marked, owned, has_marks } = counts;
    let before = owned.saturating_sub(within.created);
    let shows_nothing = sweep.snapshot && marked == 0 && owned > 0 && !has_marks;
    let by = if shows_nothing || unseen > within.unseen.most_of(before) {
        DeletedBy::Snapshot
    } else if marked > within.marked.most_of(before) {
        DeletedBy::Field
    } else {
        return None;
    };
    let rows = Some(going.map(|going| going.key.as_slice()).collect());
    Some(Swept::Held { by, deletes: unseen + marked, of: before, rows })
}

/// The run that is recorded with a sweep, with what it deleted. The records that said so were counted as skipped when the run was
/// held.
pub fn swept(run: &Run, counts: Counts) -> Run {
    let mut run = run.clone();
    let counted = counts.marked.min(run.tally.skipped);
    run.tally.skipped -= counted;
    run.tally.deleted += counted;
    run.tally.swept += counts.unseen + (counts.marked - counted);
    run
}
