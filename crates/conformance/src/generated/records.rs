//! Batches of generated records, and which of them can be as they were.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use raccord_model::canonical::Digest;
use raccord_model::fact::{Reject, Uid};
use raccord_model::language::Mode;
use raccord_model::port::destination::{
    Batch, Candidates, Change, Changes, Intent, Prefetched, RecordDigest, Refuse,
};
use raccord_model::row::FieldId;

use super::steps::{BatchStep, Record, Terms, Word};
use crate::fixture::{batch, reject, reject_next, row_of};

/// The field whose values are unique.
pub(super) const UNIQUE: FieldId = 7;

/// The field that a default stands in.
const DEFAULT: FieldId = 9;

/// The field that a transfer alone feeds.
pub(super) fn field_of(letter: char) -> FieldId {
    u32::from(letter) - u32::from('A') + 1
}

/// A time so many microseconds later.
fn later(at: Timestamp, microseconds: usize) -> Timestamp {
    at + SignedDuration::from_micros(i64::try_from(microseconds).unwrap())
}

fn key_of(record: &Record) -> String {
    char::from(b'a' + record.key).to_string()
}

fn version_of(record: &Record) -> Vec<u8> {
    Some(record.version).filter(|version| *version > 0).into_iter().collect()
}

/// The batch of a step. Its rejects differ in time, so that their order is clear.
pub(super) fn batch_of(step: &BatchStep, transfer: Uid, at: Timestamp) -> Batch {
    let (letter, terms) = (step.letter, &step.terms);
    let mut next = batch(letter);
    (next.transfer, next.at) = (transfer, at);
    next.mode = if letter < 'E' { Mode::Own } else { Mode::Enrich };
    agree(&mut next, letter, terms);
    let refused = next.refuse.clone();
    next.refuse = Refuse(Arc::new(move |number, field| {
        let made = (refused.0)(number, field);
        Reject { transfer, at: later(at, 1_000 + number), position: String::new(), ..made }
    }));
    for (number, record) in step.records.iter().enumerate() {
        add(&mut next, letter, record, later(at, number));
    }
    next
}

/// Puts the terms of a step into a batch.
fn agree(batch: &mut Batch, letter: char, terms: &Terms) {
    batch.updates.clone_from(&terms.updates);
    batch.defer_deletes = terms.defers;
    batch.keep_rejects = (terms.most_rejects, 86_400 * 40);
    if terms.has_suspects {
        batch.suspects = vec![field_of(letter)];
    }
    if terms.is_required {
        batch.target.required = vec![field_of(letter)];
    }
    if terms.is_unique {
        batch.target.unique = vec![UNIQUE];
    }
    if terms.has_defaults {
        batch.target.defaults = row_of(&[(field_of(letter), Some("0")), (DEFAULT, Some("default"))]).into();
    }
}

fn add(batch: &mut Batch, letter: char, record: &Record, at: Timestamp) {
    let (key, version) = (key_of(record), version_of(record));
    let (intent, patch, digest) = match record.word {
        Word::Upsert(value, unique) => {
            let value = value.map(|value| value.to_string());
            let unique = (unique < 6).then(|| unique.to_string());
            let patch = row_of(&[(field_of(letter), value.as_deref()), (UNIQUE, unique.as_deref())]);
            (Intent::Upsert, patch, Some(digest_of(batch.transfer, record)))
        }
        Word::Delete => (Intent::Delete, Vec::new(), None),
        Word::Bad(way) => {
            let payload = format!("{way} {} {}", record.key, record.version);
            let bad = reject(letter, Some(&key), &payload, 0);
            let (transfer, run) = (batch.transfer, batch.run);
            reject_next(batch, Reject { transfer, run, at, ..bad }, &version);
            return;
        }
    };
    batch.changes.push(Change { intent, key: key.as_bytes(), patch: &patch, version: &version, digest });
}

/// The digest of a record: of all that it says.
fn digest_of(transfer: Uid, record: &Record) -> RecordDigest {
    let Digest(digest) = Digest::of(format!("{transfer} {record:?}").as_bytes());
    let (record, _) = digest.split_first_chunk().unwrap();
    RecordDigest { mapping: *b"test", record: *record }
}

/// The records of a step that may be as they were.
pub(super) fn candidates(step: &BatchStep, transfer: Uid) -> Arc<Candidates> {
    let mut candidates = Candidates::default();
    for record in &step.records {
        match record.word {
            Word::Upsert(..) if step.letter < 'E' => {
                candidates.push(key_of(record).as_bytes(), digest_of(transfer, record));
            }
            _ => candidates.push_none(),
        }
    }
    Arc::new(candidates)
}

/// The same batch, in which the records are kept that a look has found as they were. A key of which any record of the
/// batch differs is not kept.
pub(super) fn keeping(batch: &Batch, step: &BatchStep, known: &Prefetched) -> Batch {
    let is_same = |number: usize| known.same.get(number).copied().unwrap_or_default();
    let records = step.records.iter().enumerate();
    let changed: BTreeSet<u8> =
        records.filter(|(number, _)| !is_same(*number)).map(|(_, record)| record.key).collect();
    let mut kept = batch.clone();
    (kept.kept_at, kept.changes) = (Some(known.at), Changes::default());
    let mut of_batch = batch.changes.iter();
    for record in &step.records {
        if let Word::Bad(_) = record.word {
            kept.changes.note_reject(&version_of(record));
            continue;
        }
        let change = of_batch.next().unwrap();
        let change = if changed.contains(&record.key) {
            change
        } else {
            Change { intent: Intent::Keep, patch: b"", version: b"", ..change }
        };
        kept.changes.push(change);
    }
    drop(of_batch);
    kept
}
