//! The store against a model in memory: whatever comes in, in whatever order, both agree.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use raccord_model::fact::Tally;
use raccord_model::language::{Mode, UpdateType};
use raccord_model::port::sink::{Change, Intent, Ledger, Sink};
use raccord_model::row::FieldId;

use crate::fixture::{INC, Place, assert_sound, batch, row_of, rows, transfer};

/// One record of a batch.
#[derive(Debug, Clone)]
struct Op {
    key: u8,
    /// The value for the transfer's own field and for the unique one, which all feed; `None` is a delete.
    values: Option<(Option<u8>, u8)>,
    version: u8,
}

/// A batch of one of the transfers.
#[derive(Debug, Clone)]
struct Ops {
    letter: char,
    updates: BTreeSet<UpdateType>,
    list: Vec<Op>,
}

/// The field whose values are unique.
const UNIQUE: FieldId = 7;

fn field_of(letter: char) -> FieldId {
    u32::from(letter) - u32::from('A') + 1
}

fn mode_of(letter: char) -> Mode {
    if letter == 'E' { Mode::Enrich } else { Mode::Own }
}

fn ops() -> impl Strategy<Value = Ops> {
    let update = prop_oneof![Just(UpdateType::Created), Just(UpdateType::Updated), Just(UpdateType::Deleted)];
    let values = proptest::option::weighted(0.7, (proptest::option::weighted(0.8, 0..3u8), 0..12u8));
    let op = (0..6u8, values, 0..5u8).prop_map(|(key, values, version)| Op { key, values, version });
    let letter = prop_oneof![Just('A'), Just('B'), Just('E')];
    let updates = prop_oneof![
        3 => Just([UpdateType::Created, UpdateType::Updated, UpdateType::Deleted].into()),
        2 => proptest::collection::btree_set(update, 0..=3),
    ];
    (letter, updates, proptest::collection::vec(op, 0..8)).prop_map(|(letter, updates, list)| Ops {
        letter,
        updates,
        list,
    })
}

/// A row of the model.
#[derive(Debug, Clone)]
struct Row {
    owner: char,
    fields: BTreeMap<FieldId, String>,
    versions: BTreeMap<char, u8>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<u8, Row>,
    tombstones: BTreeMap<u8, (char, u8)>,
    waiting: BTreeMap<(char, u8), (u8, Patch)>,
}

type Patch = Vec<(FieldId, Option<String>)>;

fn patch_of(letter: char, values: (Option<u8>, u8)) -> Patch {
    let unique = (UNIQUE, (values.1 < 6).then(|| values.1.to_string()));
    vec![(field_of(letter), values.0.map(|value| value.to_string())), unique]
}

fn patched(fields: &BTreeMap<FieldId, String>, patch: &Patch) -> BTreeMap<FieldId, String> {
    let mut fields = fields.clone();
    for (id, value) in patch {
        match value {
            Some(value) => fields.insert(*id, value.clone()),
            None => fields.remove(id),
        };
    }
    fields
}

impl Model {
    fn is_taken(&self, key: u8, fields: &BTreeMap<FieldId, String>) -> bool {
        let value = fields.get(&UNIQUE);
        value.is_some()
            && self.rows.iter().any(|(other, row)| *other != key && row.fields.get(&UNIQUE) == value)
    }

    fn apply(&mut self, ops: &Ops, tally: &mut Tally) {
        for op in &ops.list {
            tally.fetched += 1;
            let counted = match op.values {
                Some(values) => self.upsert(ops, op, patch_of(ops.letter, values), tally),
                None => self.delete(ops, op, tally),
            };
            *counted += 1;
        }
    }

    fn upsert<'t>(&mut self, ops: &Ops, op: &Op, patch: Patch, tally: &'t mut Tally) -> &'t mut u64 {
        let Some(row) = self.rows.get(&op.key) else { return self.absent(ops, op, patch, tally) };
        let stored = row.versions.get(&ops.letter).copied().unwrap_or(0);
        if op.version > 0 && op.version < stored {
            return &mut tally.skipped;
        }
        let fields = patched(&row.fields, &patch);
        let same = fields == row.fields;
        let is_wanted = ops.updates.contains(&UpdateType::Updated);
        if !same && is_wanted && self.is_taken(op.key, &fields) {
            return &mut tally.rejected;
        }
        let row = self.rows.get_mut(&op.key).unwrap();
        row.versions.insert(ops.letter, op.version.max(stored));
        if same {
            return &mut tally.unchanged;
        }
        if !is_wanted {
            return &mut tally.skipped;
        }
        row.fields = fields;
        &mut tally.updated
    }

    fn absent<'t>(&mut self, ops: &Ops, op: &Op, patch: Patch, tally: &'t mut Tally) -> &'t mut u64 {
        if mode_of(ops.letter) == Mode::Enrich {
            let place = (ops.letter, op.key);
            let before = self.waiting.get(&place).map_or(0, |(version, _)| *version);
            let is_older = op.version > 0 && op.version < before;
            if ops.updates.contains(&UpdateType::Updated) && !is_older {
                self.waiting.insert(place, (op.version, patch));
            }
            return &mut tally.skipped;
        }
        let buried = self.tombstones.get(&op.key).filter(|(letter, _)| *letter == ops.letter);
        let too_late = buried.is_some_and(|(_, version)| op.version > 0 && op.version <= *version);
        if too_late || !ops.updates.contains(&UpdateType::Created) {
            return &mut tally.skipped;
        }
        let fields = patched(&BTreeMap::new(), &patch);
        if self.is_taken(op.key, &fields) {
            return &mut tally.rejected;
        }
        let mut row = Row { owner: ops.letter, fields, versions: [(ops.letter, op.version)].into() };
        if let Some((version, patch)) = self.waiting.remove(&('E', op.key)) {
            let fields = patched(&row.fields, &patch);
            if !self.is_taken(op.key, &fields) {
                row.fields = fields;
                row.versions.insert('E', version);
            }
        }
        self.tombstones.remove(&op.key);
        self.rows.insert(op.key, row);
        &mut tally.created
    }

    fn delete<'t>(&mut self, ops: &Ops, op: &Op, tally: &'t mut Tally) -> &'t mut u64 {
        let is_wanted = ops.updates.contains(&UpdateType::Deleted);
        if let Some(row) = self.rows.get_mut(&op.key) {
            let stored = row.versions.get(&ops.letter).copied().unwrap_or(0);
            if !is_wanted || row.owner != ops.letter || (op.version > 0 && op.version < stored) {
                row.versions.insert(ops.letter, op.version.max(stored));
                return &mut tally.skipped;
            }
        }
        let row = self.rows.remove(&op.key);
        if mode_of(ops.letter) == Mode::Enrich {
            self.waiting.remove(&(ops.letter, op.key));
        } else if is_wanted && op.version > 0 {
            let before = self.tombstones.get(&op.key).filter(|(letter, _)| *letter == ops.letter);
            if before.is_none_or(|(_, version)| op.version >= *version) {
                self.tombstones.insert(op.key, (ops.letter, op.version));
            }
        }
        if row.is_some() { &mut tally.deleted } else { &mut tally.skipped }
    }
}

async fn compare(batches: Vec<Ops>) {
    let place = Place::new();
    let mut store = place.open();
    let mut model = Model::default();
    for (number, ops) in batches.iter().enumerate() {
        let mut expected = Tally::default();
        model.apply(ops, &mut expected);
        let mut next = batch(ops.letter);
        next.mode = mode_of(ops.letter);
        next.updates.clone_from(&ops.updates);
        next.target.unique = vec![UNIQUE];
        for op in &ops.list {
            let patch = op.values.map(|values| patch_of(ops.letter, values)).unwrap_or_default();
            let patch: Vec<_> = patch.iter().map(|(id, value)| (*id, value.as_deref())).collect();
            let (patch, intent) = if op.values.is_some() {
                (row_of(&patch), Intent::Upsert)
            } else {
                (Vec::new(), Intent::Delete)
            };
            let version: &[u8] = if op.version == 0 { &[] } else { &[op.version] };
            next.changes.push(Change { intent, key: &[b'a' + op.key], patch: &patch, version });
        }
        let tally = store.commit(next).await.unwrap();
        // Which rejects are new is no part of the model.
        let tally = Tally { newly_rejected: 0, ..tally };
        assert_eq!(tally, expected, "batch {number} of {batches:?}");
        assert!(tally.is_balanced());
        if number == 3 {
            drop(store);
            store = place.open();
        }
    }
    let expected: BTreeMap<String, String> = model
        .rows
        .iter()
        .map(|(key, row)| {
            let fields: Vec<_> = row.fields.iter().map(|(id, value)| format!("{id}:{value}")).collect();
            (char::from(b'a' + key).to_string(), fields.join(" "))
        })
        .collect();
    assert_eq!(rows(&store).await, expected, "{batches:?}");
    for letter in ['A', 'B', 'E'] {
        let owned = model.rows.values().filter(|row| row.owner == letter).count();
        let kept = store.count_owned(INC, transfer(letter)).await.unwrap();
        assert_eq!(kept, u64::try_from(owned).unwrap());
    }
    assert_sound(&store);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_the_model(batches in proptest::collection::vec(ops(), 1..8)) {
        tokio::runtime::Runtime::new().unwrap().block_on(compare(batches));
    }
}
