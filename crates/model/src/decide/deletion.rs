//! A record that says its row is deleted: the row goes, or is marked to go at the end of the window.

use crate::classify::{self, Beside, Effect, Ending, Write, is_older};
use crate::port::destination::Change;
use crate::row::NotARow;

use super::Pass;
use super::working::{Stored, Tombstone, Working};

impl Pass<'_> {
    pub(super) fn delete(&mut self, number: usize, change: Change<'_>) -> Result<Effect, NotARow> {
        let transfer = self.terms.transfer;
        let Some(old) = self.set.rows.get(change.key) else {
            let verdict = classify::delete(&self.terms, change, None);
            self.end_key(change, verdict.ending, &[]);
            return Ok(verdict.effect);
        };
        let known = self.known(old);
        let verdict = classify::delete(&self.terms, change, Some(&known));
        let known = known.version.to_vec();
        match verdict.write {
            Write::Beside(beside) => {
                let row = Stored { row: old.row.clone(), ..old.next(beside, transfer, change.version) };
                self.set.rows.set(change.key.to_vec(), row);
            }
            Write::Doom { adopts } => {
                if adopts {
                    // The sweep goes by the owner that stands in the row.
                    let beside = Beside { adopts, digest: None };
                    let row = Stored { row: old.row.clone(), ..old.next(beside, transfer, &[]) };
                    self.set.rows.set(change.key.to_vec(), row);
                }
                let is_news = self.set.doomed.get(change.key).is_none();
                self.set.doomed.set(change.key.to_vec(), change.version.to_vec());
                return Ok(if is_news { verdict.effect } else { Effect::Skipped });
            }
            Write::Remove { .. } => {
                let refusal = self.refused.get(&(change.key.to_vec(), Vec::new())).cloned();
                if let Some(refusal) = refusal {
                    return Ok(self.refuse(number, change, refusal));
                }
                self.put(change.key, None)?;
                self.end_key(change, verdict.ending, &known);
            }
            _ => {}
        }
        Ok(verdict.effect)
    }

    /// Remembers what was decided about a key whose row is gone, of which its transfer had shown a version.
    fn end_key(&mut self, change: Change<'_>, ending: Ending, known: &[u8]) {
        let transfer = self.terms.transfer;
        let version = match ending {
            Ending::Nothing => return,
            Ending::Waiting => return self.set.waiting.remove(&(change.key.to_vec(), transfer)),
            Ending::Tombstone => change.version.to_vec(),
            Ending::TombstoneOfRow => known.to_vec(),
        };
        let (at, is_swept) = (nanoseconds(self.batch.at), self.terms.defers_deletes);
        bury(self.set, change.key, Tombstone { transfer, version, is_swept, at });
    }
}

/// For how long a tombstone holds.
const HOLDS: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// From when on tombstones hold, at an instant.
pub fn tombstones_hold_from(now: jiff::Timestamp) -> i64 {
    nanoseconds(now.saturating_sub(HOLDS).unwrap_or(jiff::Timestamp::MIN))
}

/// An instant in nanoseconds since 1970, as far as these go.
pub fn nanoseconds(at: jiff::Timestamp) -> i64 {
    let all = at.as_nanosecond();
    i64::try_from(all).unwrap_or(if all < 0 { i64::MIN } else { i64::MAX })
}

/// Remembers the end of a row, unless a later one by the same transfer is known.
fn bury(set: &mut Working, key: &[u8], tombstone: Tombstone) {
    let before = set.tombstones.get(key).filter(|before| before.transfer == tombstone.transfer);
    if before.is_none_or(|before| !is_older(&tombstone.version, &before.version)) {
        set.tombstones.set(key.to_vec(), tombstone);
    }
}
