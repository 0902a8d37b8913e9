//! Notices that different records of one reading have the same key: rows are made of the last one alone, which is a loss where
//! the key is not what tells records apart. A record that comes twice as it is, at the beginning of the next page or under another
//! parent, is no loss. It counts and decides nothing.

use std::collections::HashMap;
use std::num::NonZeroU64;

use raccord_model::language::transfer::Payload;
use raccord_model::port::destination::{Change, Changes, Intent};
use raccord_model::value::Value;
use raccord_model::{foreign, row};
use twox_hash::XxHash3_64;

use super::job::Job;

/// So many records are looked at, of the first ones of a reading: about three mebibytes of memory.
const LOOKED_AT: usize = 65_536;

/// What a record says, as hashes.
#[derive(Debug, Clone, Copy)]
struct Content {
    /// Of the record as it came, where its digest is known.
    record: Option<NonZeroU64>,
    /// Of the row that it is mapped to; none of one that was not mapped.
    row: Option<NonZeroU64>,
}

impl Content {
    fn of(change: &Change<'_>) -> Self {
        let hash = |bytes: &[u8]| NonZeroU64::new(XxHash3_64::oneshot(bytes));
        let record = change.digest.and_then(|digest| hash(&digest.to_bytes()));
        let row = if change.intent == Intent::Keep { None } else { hash(change.patch) };
        Self { record, row }
    }

    /// Whether both make the same row.
    fn is_same(self, other: Self) -> bool {
        let is_same = |one: Option<NonZeroU64>, other| one.is_some() && one == other;
        is_same(self.record, other.record) || is_same(self.row, other.row)
    }
}

/// The keys of a reading so far.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// By the hash of each key that was seen, what its last record said.
    contents: HashMap<u64, Content>,
    looked_at: usize,
    repeated: u64,
    /// The first key that came again with another record.
    example: Option<Box<[u8]>>,
}

impl Repeats {
    /// Takes in the records of a page.
    pub(crate) fn take_in(&mut self, changes: &Changes) {
        let left = LOOKED_AT.saturating_sub(self.looked_at);
        for change in changes.iter().filter(|it| it.intent != Intent::Delete).take(left) {
            self.looked_at += 1;
            let content = Content::of(&change);
            let before = self.contents.insert(XxHash3_64::oneshot(change.key), content);
            if before.is_some_and(|before| !before.is_same(content)) {
                self.repeated += 1;
                self.example.get_or_insert_with(|| change.key.into());
            }
        }
    }

    /// What a person should know of the records of a transfer, if anything. One with a `version`, or whose source tells of
    /// changes, has several records of one thing.
    pub(crate) fn note(&self, job: &Job) -> Option<String> {
        let has_several = job.spec.version.is_some() || job.stream.deleted().is_some();
        let keeps = job.spec.rejects.payload == Payload::Keep;
        if has_several { None } else { self.told(keeps) }
    }

    /// The sentence, with a key as an example where records may be shown.
    fn told(&self, shows_key: bool) -> Option<String> {
        let example = self.example.as_deref()?;
        let values = row::key_values(example).ok().filter(|_| shows_key);
        let shown = values.map(|values| values.iter().map(Value::to_text).collect::<Vec<_>>().join(" / "));
        let shown = shown.map(|key| format!(" (`{}`, for example)", foreign::line(&key))).unwrap_or_default();
        let of = self.looked_at;
        let looked_at =
            if of < LOOKED_AT { format!("{of} records") } else { format!("the first {of} records") };
        Some(format!(
            "{} of {looked_at} have the key of another one in the same reading{shown}: of each key the last record counts. \
             Where they are different things, the key is not unique: change `key` and `mapping.primaryKey`",
            self.repeated
        ))
    }
}

#[cfg(test)]
mod tests {
    use raccord_model::port::destination::RecordDigest;

    use super::*;

    /// A record: its key, its intent, the row that it makes, and a number for what it says as it came.
    type Record<'a> = (&'a str, Intent, &'a str, u8);

    fn page(records: &[Record<'_>]) -> Changes {
        let mut changes = Changes::default();
        for (key, intent, row, raw) in records {
            let mut bytes = Vec::new();
            row::push_key(&mut bytes, &Value::Text((*key).into())).unwrap();
            let digest = Some(RecordDigest { mapping: [0; 4], record: [*raw; 12] });
            let digest = digest.filter(|_| *intent != Intent::Delete);
            changes.push(Change {
                intent: *intent,
                key: &bytes,
                patch: row.as_bytes(),
                version: &[],
                digest,
            });
        }
        changes
    }

    fn check(pages: &[&[Record<'_>]], expected: Option<(&str, &str)>) {
        let mut repeats = Repeats::default();
        for records in pages {
            repeats.take_in(&page(records));
        }
        let note = repeats.told(true);
        match expected {
            None => assert_eq!(note, None, "{pages:?}"),
            Some((begin, example)) => {
                let note = note.unwrap();
                assert!(note.starts_with(begin) && note.contains(example), "{note}");
                assert!(!repeats.told(false).unwrap().contains(example), "{note}");
            }
        }
    }

    const UP: Intent = Intent::Upsert;
    const KEEP: Intent = Intent::Keep;

    #[test]
    fn records_with_the_key_of_another_are_counted() {
        check(&[], None);
        check(&[&[("a", UP, "1", 1), ("b", UP, "2", 2)], &[("c", KEEP, "", 3)]], None);
        let again = [("a", UP, "1", 1), ("b", UP, "2", 2), ("a", UP, "3", 3)];
        check(&[&again], Some(("1 of 3 records have", "(`a`, for example)")));
        let pages: [&[Record<'_>]; 3] =
            [&[("a", UP, "1", 1)], &[("b", KEEP, "", 2), ("b", UP, "3", 3)], &[("a", UP, "4", 4)]];
        check(&pages, Some(("2 of 4 records have", "(`b`,")));
        // By turns, each is another one than the one before.
        let turns = [("a", UP, "1", 1), ("a", UP, "2", 2), ("a", UP, "1", 1)];
        check(&[&turns], Some(("2 of 3 records have", "(`a`,")));
        // A record that says a deletion may come beside the record itself.
        check(&[&[("a", UP, "1", 1), ("a", Intent::Delete, "", 2)]], None);
    }

    #[test]
    fn a_record_that_comes_twice_as_it_is_counts_once() {
        // By a value, each further page begins with the record that it was asked from: it was kept meanwhile, or is mapped again.
        check(&[&[("a", UP, "1", 1), ("b", UP, "2", 2)], &[("b", KEEP, "", 2), ("c", UP, "3", 3)]], None);
        check(&[&[("a", UP, "1", 1), ("b", UP, "2", 2)], &[("b", UP, "2", 2), ("c", UP, "3", 3)]], None);
        check(&[&[("a", KEEP, "", 1)], &[("a", KEEP, "", 1)]], None);
        // One record of two parents: what differs is not mapped.
        check(&[&[("a", UP, "1", 1)], &[("a", UP, "1", 2)]], None);
    }

    #[test]
    fn no_more_than_the_first_records_are_looked_at() {
        let mut repeats = Repeats::default();
        let keys: Vec<String> = (0..LOOKED_AT).map(|number| number.to_string()).collect();
        let of = |row| keys.iter().map(|key| (key.as_str(), UP, row, 1)).collect::<Vec<Record<'_>>>();
        repeats.take_in(&page(&of("1")));
        repeats.take_in(&page(&of("2")));
        assert_eq!((repeats.looked_at, repeats.repeated), (LOOKED_AT, 0));
    }
}
