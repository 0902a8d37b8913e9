//! Notices that records of one reading have the same key: rows are made of the last one alone, which is a loss where the key
//! is not what tells records apart. It counts and decides nothing.

use std::collections::HashSet;

use raccord_model::language::transfer::Payload;
use raccord_model::port::destination::{Change, Changes, Intent};
use raccord_model::value::Value;
use raccord_model::{foreign, row};
use twox_hash::XxHash3_64;

use super::job::Job;

/// So many records are looked at, of the first ones of a reading: two mebibytes of memory.
const LOOKED_AT: usize = 65_536;

/// The keys of a reading so far.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// Of each key that was seen.
    digests: HashSet<u64>,
    looked_at: usize,
    repeated: u64,
    /// The first key that came again.
    example: Option<Box<[u8]>>,
}

impl Repeats {
    /// Takes in the records of a page.
    pub(crate) fn take_in(&mut self, changes: &Changes) {
        let left = LOOKED_AT.saturating_sub(self.looked_at);
        for Change { key, .. } in changes.iter().filter(|it| it.intent != Intent::Delete).take(left) {
            self.looked_at += 1;
            if !self.digests.insert(XxHash3_64::oneshot(key)) {
                self.repeated += 1;
                self.example.get_or_insert_with(|| key.into());
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
    use super::*;

    fn page(keys: &[(&str, Intent)]) -> Changes {
        let mut changes = Changes::default();
        for (key, intent) in keys {
            let mut bytes = Vec::new();
            row::push_key(&mut bytes, &Value::Text((*key).into())).unwrap();
            changes.push(Change { intent: *intent, key: &bytes, patch: &[], version: &[], digest: None });
        }
        changes
    }

    #[test]
    fn records_with_the_key_of_another_are_counted() {
        let check = |pages: &[&[(&str, Intent)]], expected: Option<(&str, &str)>| {
            let mut repeats = Repeats::default();
            for keys in pages {
                repeats.take_in(&page(keys));
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
        };
        let [up, keep, gone] = [Intent::Upsert, Intent::Keep, Intent::Delete];
        check(&[], None);
        check(&[&[("a", up), ("b", up)], &[("c", keep)]], None);
        check(&[&[("a", up), ("b", up), ("a", up)]], Some(("1 of 3 records have", "(`a`, for example)")));
        check(
            &[&[("a", up)], &[("b", keep), ("b", up)], &[("a", up)]],
            Some(("2 of 4 records have", "(`b`,")),
        );
        // A record that says a deletion may come beside the record itself.
        check(&[&[("a", up), ("a", gone)]], None);
    }

    #[test]
    fn no_more_than_the_first_records_are_looked_at() {
        let mut repeats = Repeats::default();
        let keys: Vec<String> = (0..LOOKED_AT).map(|number| number.to_string()).collect();
        let keys: Vec<(&str, Intent)> = keys.iter().map(|key| (key.as_str(), Intent::Upsert)).collect();
        repeats.take_in(&page(&keys));
        repeats.take_in(&page(&keys));
        assert_eq!((repeats.looked_at, repeats.repeated), (LOOKED_AT, 0));
    }
}
