//! Laws of runs, for generated files: every record is counted once, a second reading changes nothing, and only
//! what is subscribed happens, as a model of the entity in memory has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use raccord_model::fact::{Run, RunOutcome, Tally};
use raccord_serve::{Reply, Request};
use serde_json::Value;

use crate::configuration::Configuration;
use crate::state::{State, load};

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    /// A record: its key (0 is none), name (0 is none), score (3 is no number), whether it is gone, its version.
    Record { id: u8, name: u8, score: u8, gone: bool, version: u8 },
    /// Too few cells.
    Ragged,
}

impl Line {
    fn text(&self) -> String {
        let Self::Record { id, name, score, gone, version } = self else {
            return "only one cell\n".to_owned();
        };
        let id = if *id == 0 { String::new() } else { format!("k{id}") };
        let name = ["", "Ann", "Bob"][usize::from(*name)];
        let score = ["", "1", "2", "many"][usize::from(*score)];
        let gone = if *gone { "yes" } else { "" };
        format!("{id},{name},{score},{gone},2025-01-0{}\n", version + 1)
    }
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let record = (0..6_u8, 0..3_u8, 0..4_u8, prop::bool::weighted(0.2), 0..3_u8)
        .prop_map(|(id, name, score, gone, version)| Line::Record { id, name, score, gone, version });
    vec(prop_oneof![20 => record, 1 => Just(Line::Ragged)], 0..14)
}

/// What the mapping makes of a line: a key, and the row or a deletion; nothing when it is rejected.
fn mapped(line: &Line) -> Option<(u8, Option<(u8, u8)>)> {
    match line {
        Line::Record { id: 0, .. } | Line::Ragged => None,
        Line::Record { id, gone: true, .. } => Some((*id, None)),
        Line::Record { score: 3, .. } => None,
        Line::Record { id, name, score, .. } => Some((*id, Some((*name, *score)))),
    }
}

/// The entity as a map, and what a run may do to it.
#[derive(Debug, Default)]
struct Model {
    rows: BTreeMap<u8, (u8, u8)>,
}

impl Model {
    /// Reads a file in its order. Where a key stands twice, the last record wins.
    fn read(&mut self, lines: &[Line], [created, updated, deleted]: [bool; 3]) -> Tally {
        let mut tally = Tally { fetched: u64::try_from(lines.len()).unwrap(), ..Tally::default() };
        for line in lines {
            let Some((id, row)) = mapped(line) else {
                tally.rejected += 1;
                continue;
            };
            let count = match (self.rows.get(&id).copied(), row) {
                (None, Some(_)) if created => &mut tally.created,
                (Some(old), Some(new)) if old == new => &mut tally.unchanged,
                (Some(_), Some(_)) if updated => &mut tally.updated,
                (Some(_), None) if deleted => &mut tally.deleted,
                _ => {
                    tally.skipped += 1;
                    continue;
                }
            };
            *count += 1;
            match row {
                Some(row) => self.rows.insert(id, row),
                None => self.rows.remove(&id),
            };
        }
        tally
    }

    fn shown(&self) -> Vec<Value> {
        let row = |(id, (name, score)): (&u8, &(u8, u8))| {
            let name = [None, Some("Ann"), Some("Bob")][usize::from(*name)];
            let score = [None, Some(1), Some(2)][usize::from(*score)];
            serde_json::json!({"id": format!("k{id}"), "name": name, "score": score})
        };
        self.rows.iter().map(row).collect()
    }
}

/// A shop whose transfer wants some update types, and perhaps versions.
struct Shop(State);

impl Shop {
    fn new(updates: [bool; 3], is_versioned: bool) -> Self {
        let state = State::new();
        let names = ["created", "updated", "deleted"].into_iter().zip(updates);
        let wanted: Vec<&str> = names.filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect();
        let text = Configuration {
            transfer: ("people", "contact"),
            fields: &[("name", "text"), ("score", "integer")],
            source: "{connector: file, config: {dataTypes: {people: {path: people.csv}}}}",
            deletes: "{field: gone}",
            says: if is_versioned { "version: updated" } else { "" },
            updates: &wanted.join(", "),
            ..Configuration::default()
        };
        let text = text.yaml();
        let root = state.home().to_str().unwrap().to_owned();
        state.apply(&load(vec![("a.yaml".to_owned(), text)], &root), None);
        Self(state)
    }

    /// Runs over a file; the sum always holds.
    fn run(&self, lines: &[Line]) -> Tally {
        let text: String = lines.iter().map(Line::text).collect();
        let mut file = File::create(self.0.home().join("people.csv")).unwrap();
        file.write_all(format!("id,name,score,gone,updated\n{text}").as_bytes()).unwrap();
        let report = |reply| if let Reply::Report(report) = reply { Some(report) } else { None };
        let report = self.0.ask(Request::Run { integrations: Vec::new() }, report).pop().unwrap();
        let [Run { tally, outcome, .. }] = &report.runs[..] else { panic!("{report:#?}") };
        let Tally { fetched, created, updated, deleted, unchanged, skipped, rejected, swept, .. } = *tally;
        assert_eq!(fetched, created + updated + deleted + unchanged + skipped + rejected, "{tally:?}");
        assert_eq!((usize::try_from(fetched).unwrap(), swept), (lines.len(), 0));
        // A first page of which nothing can be used fails the run.
        let is_useless = !lines.is_empty() && lines.iter().all(|line| mapped(line).is_none());
        assert_eq!(matches!(outcome, RunOutcome::Failed { .. }), is_useless, "{outcome:?}");
        // What was rejected before is a matter of the breaker, and no part of the model.
        Tally { fetched, created, updated, deleted, unchanged, skipped, rejected, ..Tally::default() }
    }

    fn rows(&self) -> Vec<Value> {
        let request = Request::Records {
            entity: "crm.contact".parse().unwrap(),
            filter: Vec::new(),
            limit: 1_000,
            total: false,
            columns: false,
            page: None,
            held: None,
        };
        let row = |reply| {
            if let Reply::Record(row) = reply { Some(serde_json::to_value(row).unwrap()) } else { None }
        };
        self.0.ask(request, row)
    }
}

/// Whether no key stands twice with different contents: then a second reading finds nothing to do.
fn is_unequivocal(lines: &[Line]) -> bool {
    let said: BTreeSet<_> = lines.iter().filter_map(mapped).collect();
    let keys: BTreeSet<_> = said.iter().map(|(id, _)| id).collect();
    said.len() == keys.len()
}

/// Reads a file, another one, and that one again: the last reading finds nothing to do.
fn check_twice(first: &[Line], second: &[Line], updates: [bool; 3], is_versioned: bool) {
    let shop = Shop::new(updates, is_versioned);
    shop.run(first);
    shop.run(second);
    let rows = shop.rows();
    let Tally { created, updated, deleted, .. } = shop.run(second);
    assert_eq!(shop.rows(), rows, "the same file leads to other rows");
    if is_unequivocal(second) {
        assert_eq!((created, updated, deleted), (0, 0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn only_what_is_subscribed_happens(first in lines(), second in lines()) {
        for number in 0..8_u8 {
            let updates = [number & 1 > 0, number & 2 > 0, number & 4 > 0];
            let (shop, mut model) = (Shop::new(updates, false), Model::default());
            for lines in [&first, &second, &second] {
                prop_assert_eq!(shop.run(lines), model.read(lines, updates), "{:?}", updates);
                prop_assert_eq!(shop.rows(), model.shown(), "{:?}", updates);
            }
        }
    }

    #[test]
    fn reading_twice_changes_nothing(
        first in lines(),
        second in lines(),
        updates in any::<[bool; 3]>().prop_filter("one at least", |updates| updates.contains(&true)),
        is_versioned in any::<bool>(),
    ) {
        check_twice(&first, &second, updates, is_versioned);
    }
}

#[test]
fn an_older_deletion_does_not_beat_an_update_that_is_not_wanted() {
    let record = |score, gone, version| Line::Record { id: 1, name: 0, score, gone, version };
    let second = [record(1, false, 2), record(0, true, 0)];
    check_twice(&[record(0, false, 0)], &second, [true, false, true], true);
}
