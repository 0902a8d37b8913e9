//! The store against a model in memory: whatever comes in, in whatever order, both agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use raccord_model::Digest;
use raccord_model::fact::{Tally, TransferFact, Uid};
use raccord_model::language::{Mode, UpdateType};
use raccord_model::port::sink::{
    Batch, Candidates, Change, Changes, Intent, Ledger, Prefetched, RecordDigest, Sink, SinkError,
};
use raccord_model::port::state::{Commit, State, Table, Write};
use raccord_model::row::FieldId;
use raccord_store::Store;
use uuid::Uuid;

use crate::fixture::{INC, Place, assert_sound, batch, reject, reject_next, row_of, rows, sweep, swept};

/// What a record says.
#[derive(Debug, Clone, Copy)]
enum Word {
    /// The values for the transfer's own field and for the unique one, which all feed.
    Upsert(Option<u8>, u8),
    Delete,
    /// It cannot be mapped, in one of several ways.
    Bad(u8),
}

/// One record of a batch.
#[derive(Debug, Clone)]
struct Op {
    key: u8,
    word: Word,
    version: u8,
}

/// A batch of one of the transfers.
#[derive(Debug, Clone)]
struct Ops {
    letter: char,
    updates: BTreeSet<UpdateType>,
    list: Vec<Op>,
    /// Whether it is looked up which records are as they were before the step before it is taken.
    is_ahead: bool,
    /// Whether the records of the transfer's last batch come again instead.
    repeats: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Batch(Ops),
    /// A complete snapshot: what it did not show is swept.
    Snapshot(Ops),
    /// A transfer is deleted and created again.
    Recreate(char),
}

/// The field whose values are unique.
const UNIQUE: FieldId = 7;

fn field_of(letter: char) -> FieldId {
    u32::from(letter) - u32::from('A') + 1
}

fn mode_of(letter: char) -> Mode {
    if letter == 'E' { Mode::Enrich } else { Mode::Own }
}

fn ops(letters: &'static [char]) -> impl Strategy<Value = Ops> {
    let update = prop_oneof![Just(UpdateType::Created), Just(UpdateType::Updated), Just(UpdateType::Deleted)];
    let values = (proptest::option::weighted(0.8, 0..3u8), 0..12u8);
    let word = prop_oneof![
        6 => values.prop_map(|(value, unique)| Word::Upsert(value, unique)),
        3 => Just(Word::Delete),
        2 => (0..2u8).prop_map(Word::Bad),
    ];
    let op = (0..6u8, word, 0..5u8).prop_map(|(key, word, version)| Op { key, word, version });
    let updates = prop_oneof![
        3 => Just([UpdateType::Created, UpdateType::Updated, UpdateType::Deleted].into()),
        2 => proptest::collection::btree_set(update, 0..=3),
    ];
    let letter = proptest::sample::select(letters);
    let list = proptest::collection::vec(op, 0..8);
    (letter, updates, list, any::<bool>(), any::<bool>()).prop_map(
        |(letter, updates, list, is_ahead, repeats)| Ops { letter, updates, list, is_ahead, repeats },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => ops(&['A', 'B', 'E']).prop_map(Step::Batch),
        1 => ops(&['A', 'B']).prop_map(Step::Snapshot),
        1 => proptest::sample::select(&['A', 'B', 'E'][..]).prop_map(Step::Recreate),
    ]
}

/// A row of the model.
#[derive(Debug, Clone)]
struct Row {
    owner: Uid,
    fields: BTreeMap<FieldId, String>,
    versions: BTreeMap<Uid, u8>,
}

/// The end of a row.
#[derive(Debug, Clone)]
struct Tomb {
    transfer: Uid,
    version: u8,
    is_swept: bool,
}

#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<u8, Row>,
    tombstones: BTreeMap<u8, Tomb>,
    waiting: BTreeMap<(Uid, u8), (u8, Patch)>,
    /// By transfer and identity, with key and version.
    rejects: BTreeMap<(Uid, String), (u8, u8)>,
    /// How often each transfer was created again.
    generations: BTreeMap<char, u128>,
}

type Patch = Vec<(FieldId, Option<String>)>;

fn patch_of(letter: char, value: Option<u8>, unique: u8) -> Patch {
    let unique = (UNIQUE, (unique < 6).then(|| unique.to_string()));
    vec![(field_of(letter), value.map(|value| value.to_string())), unique]
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

/// Whether a version is older than another; 0 is none.
fn is_older(version: u8, than: u8) -> bool {
    version > 0 && version < than
}

/// What was made of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Created,
    Updated,
    Deleted,
    Unchanged,
    Skipped,
    Gone,
    Waits,
    Rejected,
}

impl Model {
    fn uid(&self, letter: char) -> Uid {
        let generation = self.generations.get(&letter).copied().unwrap_or(0);
        Uid(Uuid::from_u128(u128::from(letter) + (generation << 32)))
    }

    /// Whether a transfer owns a row, or may take it over.
    fn may_own(&self, letter: char, row: &Row) -> bool {
        let is_living = ['A', 'B', 'E'].into_iter().any(|letter| self.uid(letter) == row.owner);
        row.owner == self.uid(letter) || (mode_of(letter) == Mode::Own && !is_living)
    }

    fn is_taken(&self, key: u8, fields: &BTreeMap<FieldId, String>) -> bool {
        let value = fields.get(&UNIQUE);
        value.is_some()
            && self.rows.iter().any(|(other, row)| *other != key && row.fields.get(&UNIQUE) == value)
    }

    fn apply(&mut self, ops: &Ops) -> Tally {
        let uid = self.uid(ops.letter);
        let before = self.rejects.clone();
        let mut tally = Tally::default();
        for op in &ops.list {
            let effect = match op.word {
                Word::Upsert(value, unique) => self.upsert(ops, op, patch_of(ops.letter, value, unique)),
                Word::Delete => self.delete(ops, op),
                Word::Bad(way) => {
                    self.reject(uid, bad(op, way), op);
                    Effect::Rejected
                }
            };
            if !matches!(effect, Effect::Skipped | Effect::Rejected) {
                self.rejects.retain(|(of, _), (key, version)| {
                    *of != uid || *key != op.key || is_older(op.version, *version)
                });
            }
            tally.fetched += 1;
            let counted = match effect {
                Effect::Created => &mut tally.created,
                Effect::Updated => &mut tally.updated,
                Effect::Deleted => &mut tally.deleted,
                Effect::Unchanged => &mut tally.unchanged,
                Effect::Skipped | Effect::Gone | Effect::Waits => &mut tally.skipped,
                Effect::Rejected => &mut tally.rejected,
            };
            *counted += 1;
        }
        let new = self.rejects.keys().filter(|reject| !before.contains_key(reject)).count();
        Tally { newly_rejected: u64::try_from(new).unwrap(), ..tally }
    }

    fn reject(&mut self, uid: Uid, identity: String, op: &Op) {
        let kept = self.rejects.entry((uid, identity)).or_insert((op.key, op.version));
        if !is_older(op.version, kept.1) {
            kept.1 = op.version;
        }
    }

    fn refuse(&mut self, ops: &Ops, op: &Op) -> Effect {
        self.reject(self.uid(ops.letter), format!("unique {}", op.key), op);
        Effect::Rejected
    }

    fn upsert(&mut self, ops: &Ops, op: &Op, patch: Patch) -> Effect {
        let uid = self.uid(ops.letter);
        let Some(row) = self.rows.get(&op.key) else { return self.absent(ops, op, patch) };
        let stored = row.versions.get(&uid).copied().unwrap_or(0);
        if is_older(op.version, stored) {
            return Effect::Skipped;
        }
        let is_adopted = row.owner != uid && self.may_own(ops.letter, row);
        let fields = patched(&row.fields, &patch);
        let same = fields == row.fields;
        let is_wanted = ops.updates.contains(&UpdateType::Updated);
        if !same && is_wanted && self.is_taken(op.key, &fields) {
            return self.refuse(ops, op);
        }
        let row = self.rows.get_mut(&op.key).unwrap();
        if is_adopted {
            row.versions.remove(&row.owner);
            row.owner = uid;
        }
        row.versions.insert(uid, op.version.max(stored));
        if same {
            return Effect::Unchanged;
        }
        if !is_wanted {
            return Effect::Skipped;
        }
        row.fields = fields;
        Effect::Updated
    }

    fn absent(&mut self, ops: &Ops, op: &Op, patch: Patch) -> Effect {
        let uid = self.uid(ops.letter);
        if mode_of(ops.letter) == Mode::Enrich {
            let place = (uid, op.key);
            let before = self.waiting.get(&place).map_or(0, |(version, _)| *version);
            if ops.updates.contains(&UpdateType::Updated) && !is_older(op.version, before) {
                self.waiting.insert(place, (op.version, patch));
                return Effect::Waits;
            }
            return Effect::Skipped;
        }
        let buried = self.tombstones.get(&op.key).filter(|tomb| tomb.transfer == uid);
        let too_late = buried.is_some_and(|tomb| {
            is_older(op.version, tomb.version) || (op.version == tomb.version && !tomb.is_swept)
        });
        if too_late || !ops.updates.contains(&UpdateType::Created) {
            return Effect::Skipped;
        }
        let fields = patched(&BTreeMap::new(), &patch);
        if self.is_taken(op.key, &fields) {
            return self.refuse(ops, op);
        }
        let mut row = Row { owner: uid, fields, versions: [(uid, op.version)].into() };
        let enriching = self.uid('E');
        if let Some((version, patch)) = self.waiting.remove(&(enriching, op.key)) {
            let fields = patched(&row.fields, &patch);
            if !self.is_taken(op.key, &fields) {
                row.fields = fields;
                row.versions.insert(enriching, version);
            }
        }
        self.tombstones.remove(&op.key);
        self.rows.insert(op.key, row);
        Effect::Created
    }

    fn delete(&mut self, ops: &Ops, op: &Op) -> Effect {
        let uid = self.uid(ops.letter);
        let is_wanted = ops.updates.contains(&UpdateType::Deleted);
        if let Some(row) = self.rows.get(&op.key) {
            let is_ours = self.may_own(ops.letter, row);
            let stored = row.versions.get(&uid).copied().unwrap_or(0);
            let is_told = is_wanted && !is_older(op.version, stored);
            if !is_told || !is_ours {
                self.rows.get_mut(&op.key).unwrap().versions.insert(uid, op.version.max(stored));
                return if is_told { Effect::Gone } else { Effect::Skipped };
            }
        }
        let row = self.rows.remove(&op.key);
        if mode_of(ops.letter) == Mode::Enrich {
            self.waiting.remove(&(uid, op.key));
        } else if is_wanted && op.version > 0 {
            let before = self.tombstones.get(&op.key).filter(|tomb| tomb.transfer == uid);
            if before.is_none_or(|tomb| op.version >= tomb.version) {
                let tomb = Tomb { transfer: uid, version: op.version, is_swept: false };
                self.tombstones.insert(op.key, tomb);
            }
        }
        match (row.is_some(), is_wanted) {
            (true, _) => Effect::Deleted,
            (false, true) => Effect::Gone,
            (false, false) => Effect::Skipped,
        }
    }

    /// What is not shown by a complete snapshot goes. Returns how many rows that are.
    fn sweep(&mut self, ops: &Ops) -> u64 {
        let uid = self.uid(ops.letter);
        let shown: BTreeSet<u8> =
            ops.list.iter().filter(|op| !matches!(op.word, Word::Delete)).map(|op| op.key).collect();
        let is_gone = |key: &u8, row: &mut Row| row.owner == uid && !shown.contains(key);
        let gone: Vec<(u8, Row)> = self.rows.extract_if(.., is_gone).collect();
        for (key, row) in &gone {
            let version = row.versions.get(&uid).copied().unwrap_or(0);
            if version > 0 {
                self.tombstones.insert(*key, Tomb { transfer: uid, version, is_swept: true });
            }
            self.rejects.retain(|(of, _), (rejected, _)| *of != uid || rejected != key);
        }
        u64::try_from(gone.len()).unwrap()
    }

    /// Deletes a transfer and creates it again. Returns who it was and who it is.
    fn recreate(&mut self, letter: char) -> (Uid, Uid) {
        let before = self.uid(letter);
        *self.generations.entry(letter).or_default() += 1;
        self.waiting.retain(|(of, _), _| *of != before);
        (before, self.uid(letter))
    }
}

/// What makes the same bad record the same.
fn bad(op: &Op, way: u8) -> String {
    format!("{way} {} {}", op.key, op.version)
}

/// The digest of a record: of all that it says.
fn digest_of(uid: Uid, op: &Op) -> RecordDigest {
    let digest = Digest::of(format!("{uid} {op:?}").as_bytes());
    let (record, _) = digest.0.split_first_chunk().unwrap();
    RecordDigest { mapping: *b"test", record: *record }
}

/// The records that may be as they were.
fn candidates(uid: Uid, ops: &Ops) -> Arc<Candidates> {
    let mut candidates = Candidates::default();
    for op in &ops.list {
        match op.word {
            Word::Upsert(..) if mode_of(ops.letter) == Mode::Own => {
                candidates.push(char::from(b'a' + op.key).to_string().as_bytes(), digest_of(uid, op));
            }
            _ => candidates.push_none(),
        }
    }
    Arc::new(candidates)
}

/// Commits a batch whose records are kept where a look, ahead or now, has found them as they were.
async fn commit(store: &Store, batch: Batch, ops: &Ops, ahead: Option<Prefetched>) -> Tally {
    let uid = batch.transfer;
    let known = match ahead {
        Some(known) => known,
        None => store.prefetch(uid, INC, candidates(uid, ops)).await.unwrap(),
    };
    let mut kept = batch.clone();
    kept.kept_at = Some(known.at);
    kept.changes = Changes::default();
    let is_same = |number: usize| known.same.get(number).copied().unwrap_or_default();
    let changed: BTreeSet<u8> =
        ops.list.iter().enumerate().filter(|(number, _)| !is_same(*number)).map(|(_, op)| op.key).collect();
    let mut of_batch = batch.changes.iter();
    for (number, op) in ops.list.iter().enumerate() {
        if let Word::Bad(_) = op.word {
            let version: &[u8] = if op.version == 0 { &[] } else { &[op.version] };
            kept.changes.note_reject(version);
            continue;
        }
        let change = of_batch.next().unwrap();
        let change = if is_same(number) && !changed.contains(&op.key) {
            Change { intent: Intent::Keep, patch: b"", version: b"", ..change }
        } else {
            change
        };
        kept.changes.push(change);
    }
    drop(of_batch);
    match Sink::commit(store, kept).await {
        Err(SinkError::Outdated) => Sink::commit(store, batch).await.unwrap(),
        other => other.unwrap(),
    }
}

fn batch_of(uid: Uid, ops: &Ops) -> Batch {
    let mut next = batch(ops.letter);
    next.transfer = uid;
    next.mode = mode_of(ops.letter);
    next.updates.clone_from(&ops.updates);
    next.target.unique = vec![UNIQUE];
    for op in &ops.list {
        let key = char::from(b'a' + op.key).to_string();
        let version: &[u8] = if op.version == 0 { &[] } else { &[op.version] };
        let (patch, intent, digest) = match op.word {
            Word::Upsert(value, unique) => {
                let patch = patch_of(ops.letter, value, unique);
                let patch: Vec<_> = patch.iter().map(|(id, value)| (*id, value.as_deref())).collect();
                (row_of(&patch), Intent::Upsert, Some(digest_of(uid, op)))
            }
            Word::Delete => (Vec::new(), Intent::Delete, None),
            Word::Bad(way) => {
                reject_next(&mut next, reject(ops.letter, Some(&key), &bad(op, way), 0), version);
                continue;
            }
        };
        next.changes.push(Change { intent, key: key.as_bytes(), patch: &patch, version, digest });
    }
    next
}

async fn take(store: &Store, model: &mut Model, step: &Step, ahead: Option<Prefetched>) {
    match step {
        Step::Batch(ops) => {
            let tally = commit(store, batch_of(model.uid(ops.letter), ops), ops, ahead).await;
            assert_eq!(tally, model.apply(ops));
            assert!(tally.is_balanced());
        }
        Step::Snapshot(ops) => {
            let uid = model.uid(ops.letter);
            store.begin_window(uid, batch('A').fence).await.unwrap();
            let page = Batch { mark_seen: true, ..batch_of(uid, ops) };
            assert_eq!(commit(store, page, ops, ahead).await, model.apply(ops));
            let mut request = sweep(ops.letter, None);
            (request.transfer, request.target.unique) = (uid, vec![UNIQUE]);
            assert_eq!(store.sweep(request).await.unwrap(), swept(model.sweep(ops)));
        }
        Step::Recreate(letter) => {
            let (before, now) = model.recreate(*letter);
            let fact = raccord_model::fact::write(&TransferFact::default()).unwrap();
            let writes = vec![
                Write::Remove(Table::Transfers, before.to_string()),
                Write::Put(Table::Transfers, now.to_string(), fact),
            ];
            State::commit(store, Commit { expected: None, writes, ..Commit::default() }).await.unwrap();
        }
    }
}

/// Puts the records of the last batch into those that repeat them.
fn repeat(steps: &mut [Step]) {
    let mut last: BTreeMap<char, Vec<Op>> = BTreeMap::new();
    for step in steps {
        if let Step::Batch(ops) | Step::Snapshot(ops) = step {
            if let Some(list) = last.get(&ops.letter).filter(|_| ops.repeats) {
                ops.list.clone_from(list);
            }
            last.insert(ops.letter, ops.list.clone());
        }
    }
}

async fn compare(mut steps: Vec<Step>) {
    repeat(&mut steps);
    let place = Place::new();
    let mut store = place.open();
    let mut model = Model::default();
    let mut uids = BTreeSet::new();
    let mut ahead = None;
    for (number, step) in steps.iter().enumerate() {
        uids.extend(['A', 'B', 'E'].map(|letter| model.uid(letter)));
        let found = ahead.take();
        if let Some(Step::Batch(ops) | Step::Snapshot(ops)) = steps.get(number + 1)
            && ops.is_ahead
            && !matches!(step, Step::Recreate(_))
        {
            let uid = model.uid(ops.letter);
            ahead = Some(store.prefetch(uid, INC, candidates(uid, ops)).await.unwrap());
        }
        take(&store, &mut model, step, found).await;
        if number == 3 {
            drop(store);
            store = place.open_as_it_is();
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
    assert_eq!(rows(&store).await, expected);
    for uid in uids {
        let owned = model.rows.values().filter(|row| row.owner == uid).count();
        assert_eq!(store.count_owned(INC, uid).await.unwrap(), u64::try_from(owned).unwrap());
        let rejects = model.rejects.keys().filter(|(of, _)| *of == uid).count();
        assert_eq!(store.count_rejects(uid).await.unwrap(), u64::try_from(rejects).unwrap());
    }
    assert_sound(&store);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_the_model(steps in proptest::collection::vec(steps(), 1..10)) {
        tokio::runtime::Runtime::new().unwrap().block_on(compare(steps));
    }
}
