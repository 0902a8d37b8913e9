//! Short ways to say what goes into a destination and what is there: batches, changes, rejects, sweeps, and rows as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use raccord_model::canonical::Digest;
use raccord_model::checkpoint::{
    CHECKPOINT_VERSION, Checkpoint, Partition, PartitionId, Shift, SourceState, Spot, Window,
};
use raccord_model::fact::{
    DeletedBy, Parents, Reject, Run, RunCause, RunId, RunOutcome, Tally, Uid, Updates,
};
use raccord_model::language::deletes::Percent;
use raccord_model::language::{Mode, UpdateType};
use raccord_model::port::destination::{
    Batch, Change, Changes, Destination, Fence, Intent, Ledger, Refuse, RowQuery, Staying, Sweep, Swept,
    Target, Within,
};
use raccord_model::row::{self, FieldId};
use raccord_model::value::Value;
use uuid::Uuid;

/// The incarnation that tests write to.
pub const INC: u64 = 7;

/// An instant, in seconds after the first.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// A transfer by its letter.
pub fn transfer(letter: char) -> Uid {
    Uid(Uuid::from_u128(u128::from(letter)))
}

/// The run of every batch.
pub fn run() -> RunId {
    RunId(Uuid::from_u128(1))
}

/// Fields in the form of a row; `None` is an explicit empty.
pub fn row_of(fields: &[(FieldId, Option<&str>)]) -> Vec<u8> {
    let mut out = Vec::new();
    row::begin(&mut out);
    for (id, text) in fields {
        let value = text.map(|text| Value::Text(text.into()));
        row::push(&mut out, *id, value.as_ref());
    }
    out
}

/// A row as text: `1:x 3:z`.
pub fn shown(row: &[u8]) -> String {
    let fields = row::fields(row).unwrap().map(|field| {
        let field = field.unwrap();
        format!("{}:{}", field.id, field.value().unwrap().unwrap().to_text())
    });
    fields.collect::<Vec<_>>().join(" ")
}

/// Update types by their letters: `cud`.
pub fn updates(letters: &str) -> Updates {
    let of = |letter| match letter {
        'c' => UpdateType::Created,
        'u' => UpdateType::Updated,
        _ => UpdateType::Deleted,
    };
    letters.chars().map(of).collect()
}

/// An empty batch of a transfer that owns rows and wants everything.
pub fn batch(letter: char) -> Batch {
    Batch {
        transfer: transfer(letter),
        run: run(),
        at: at(0),
        fence: Fence { generation: 1, epoch: 0, reset: 0, lease: 0 },
        target: Target {
            incarnation: INC,
            defaults: Bytes::new(),
            required: Vec::new(),
            unique: Vec::new(),
            non_owners: Arc::default(),
        },
        mode: Mode::Own,
        updates: updates("cud"),
        changes: Changes::default(),
        kept_at: None,
        rejects: Vec::new(),
        refuse: Refuse(Arc::new(move |number, field| Reject {
            transfer: transfer(letter),
            run: run(),
            at: at(0),
            position: format!("change {number}"),
            field: None,
            reason: format!("another record already has this value of field {field}"),
            key: None,
            payload: None,
            parent: None,
            deletion: false,
            partial: false,
            fetch: None,
        })),
        keep_rejects: (1000, 86_400),
        mark_seen: false,
        spot: None,
        partitions: Vec::new(),
        completes: None,
        accepts: None,
        checkpoint: None,
        consumed: Vec::new(),
        record: None,
        postponed: Vec::new(),
        guard: None,
        defer_deletes: false,
        suspects: Vec::new(),
        reading: None,
        durable: false,
    }
}

/// Adds an upsert that gives fields to a key.
pub fn upsert(batch: &mut Batch, key: &str, fields: &[(FieldId, Option<&str>)]) {
    let patch = row_of(fields);
    let change =
        Change { intent: Intent::Upsert, key: key.as_bytes(), patch: &patch, version: b"", digest: None };
    batch.changes.push(change);
}

/// Adds a delete of a key.
pub fn delete(batch: &mut Batch, key: &str) {
    batch.changes.push(Change {
        intent: Intent::Delete,
        key: key.as_bytes(),
        patch: b"",
        version: b"",
        digest: None,
    });
}

/// Adds the reject of a record that comes after the changes so far.
pub fn reject_next(batch: &mut Batch, reject: Reject, version: &[u8]) {
    batch.changes.note_reject(version);
    batch.rejects.push(reject);
}

/// A checkpoint that has come to a number.
pub fn checkpoint(greatest: i64) -> Checkpoint {
    Checkpoint {
        version: CHECKPOINT_VERSION,
        fingerprint: Digest::of(b"fingerprint"),
        epoch: 0,
        state: Some(SourceState::new(greatest.to_string())),
        window: None,
        snapshot_at: None,
        counted: None,
    }
}

/// A window under way, of the reading with this number.
pub fn window(attempt: u32) -> Window {
    Window {
        run: run(),
        state: None,
        snapshot: false,
        keyless: 0,
        incomplete: 0,
        passed_over: 0,
        held: false,
        attempt,
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

/// The end of a snapshot, that may delete so large a share.
pub fn sweep(letter: char, max_share: Option<u8>) -> Sweep {
    let Batch { transfer, run, at, fence, target, keep_rejects, .. } = batch(letter);
    let within = max_share.map(within);
    Sweep {
        transfer,
        run,
        at,
        fence,
        target,
        snapshot: true,
        within,
        keep_rejects,
        checkpoint: checkpoint(99),
        completes: None,
        record: None,
    }
}

/// A share of what was not shown, and of what records say is deleted.
pub fn within(share: u8) -> Within {
    Within { unseen: Percent(share), marked: Percent(share), created: 0 }
}

/// So many rows that were not shown are gone.
pub fn swept(unseen: u64) -> Swept {
    Swept::Done { unseen, marked: 0, staying: Staying::default() }
}

/// So many of so many rows were not shown and would go.
pub fn kept(deletes: u64, of: u64) -> Swept {
    Swept::Held { by: DeletedBy::Snapshot, deletes, of, rows: None }
}

/// What became of a sweep, by numbers alone: which rows would go is not looked at.
pub fn counted(swept: Swept) -> Swept {
    match swept {
        Swept::Held { by, deletes, of, .. } => Swept::Held { by, deletes, of, rows: None },
        done @ Swept::Done { .. } => done,
    }
}

/// A reject of a record with this payload.
pub fn reject(letter: char, key: Option<&str>, payload: &str, seconds: i64) -> Reject {
    let key = key.map(|key| key.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat());
    Reject {
        transfer: transfer(letter),
        run: run(),
        at: at(seconds),
        position: "page 1".to_owned(),
        field: None,
        reason: "is not an e-mail address".to_owned(),
        key,
        payload: Some(payload.to_owned()),
        parent: None,
        deletion: false,
        partial: false,
        fetch: None,
    }
}

/// The effects of a tally that are not zero: `created 1, skipped 2`.
pub fn effects(tally: &Tally) -> String {
    assert!(tally.is_balanced(), "{tally:?}");
    let effects = [
        ("created", tally.created),
        ("updated", tally.updated),
        ("deleted", tally.deleted),
        ("unchanged", tally.unchanged),
        ("skipped", tally.skipped),
        ("rejected", tally.rejected),
    ];
    let effects =
        effects.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}"));
    effects.collect::<Vec<_>>().join(", ")
}

/// All rows of the incarnation, by key.
pub async fn rows(store: &impl Ledger) -> BTreeMap<String, String> {
    let query = RowQuery { incarnation: INC, limit: usize::MAX, ..RowQuery::default() };
    let rows = store.rows(query).await.unwrap();
    rows.into_iter().map(|row| (String::from_utf8(row.key).unwrap(), shown(&row.row))).collect()
}

/// The keys of all rows, in order.
pub async fn keys(store: &impl Ledger) -> String {
    rows(store).await.into_keys().collect::<Vec<_>>().join(" ")
}

/// A run of a transfer, with a tally of its own.
pub fn run_of(letter: char, swept: u64) -> Run {
    Run {
        id: run(),
        transfer_uid: transfer(letter),
        transfer: "people".parse().unwrap(),
        to: "crm.contact".parse().unwrap(),
        generation: 1,
        cause: RunCause::Requested,
        started: at(0),
        ended: None,
        outcome: RunOutcome::Running,
        tally: Tally { swept, ..Tally::default() },
        pages: 0,
        parents: Parents::default(),
        notes: Vec::new(),
        unseen: None,
        again: None,
        uncounted: false,
    }
}

/// A partition of the data type `items`, by its number.
pub(crate) fn partition(number: u8) -> PartitionId {
    PartitionId::of(&"items".parse().unwrap(), &[number.to_string()])
}

/// A page of a window, and what it shows: `-a` says that `a` is deleted, `!a` cannot be mapped.
pub(crate) fn page(spot: Option<Spot>, attempt: u32, keys: &str) -> Batch {
    let mut page = batch('A');
    for key in keys.split_whitespace() {
        match (key.strip_prefix('-'), key.strip_prefix('!')) {
            (Some(key), _) => delete(&mut page, key),
            (_, Some(key)) => page.rejects.push(reject('A', Some(key), "payload", 0)),
            _ => upsert(&mut page, key, &[(1, Some(key))]),
        }
    }
    let under_way = spot.and_then(|spot| spot.partition).map(|id| Partition { id, shifted: false });
    let window = Window { partition: under_way, ..window(attempt) };
    Batch {
        mark_seen: true,
        spot,
        checkpoint: Some(Checkpoint { window: Some(window), ..checkpoint(0) }),
        ..page
    }
}

/// The shift that the checkpoint speaks of, and whether the partition under way is the one that shifted.
pub(crate) async fn shift(store: &impl Destination) -> (Option<Shift>, bool) {
    let window = store.resume(transfer('A')).await.unwrap().unwrap().window.unwrap();
    (window.shift, window.partition.is_some_and(|partition| partition.shifted))
}
