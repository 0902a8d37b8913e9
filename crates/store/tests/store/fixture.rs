//! A store in a directory of its own, and short ways to say what goes in and what is there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jiff::Timestamp;
use raccord_model::canonical::Digest;
use raccord_model::checkpoint::{CHECKPOINT_VERSION, Checkpoint, Cursor, Window};
use raccord_model::fact::{
    Decided, DeletedBy, Parents, Reject, Run, RunCause, RunId, RunOutcome, Tally, TransferFact, Uid, Updates,
    read, write,
};
use raccord_model::language::deletes::Percent;
use raccord_model::language::{Mode, UpdateType};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::sink::{
    Batch, Change, Changes, Fence, Intent, Ledger, Refuse, RowQuery, Sweep, Swept, Target, Within,
};
use raccord_model::port::state::{Commit, Scan, State, Table, Write};
use raccord_model::row::{self, FieldId};
use raccord_model::value::Value;
use raccord_store::{Opener, Store};
use tempfile::TempDir;
use uuid::Uuid;

/// The incarnation that tests write to.
pub(crate) const INC: u64 = 7;

/// A directory for a state.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(".raccord").join("state.redb")
    }

    /// Opens the store. The transfers `A` to `F` are applied.
    pub(crate) fn open(&self) -> Store {
        let store = self.open_as_it_is();
        // Tests open a store inside a runtime, and another one cannot be entered on their thread.
        std::thread::scope(|scope| scope.spawn(|| block_on(apply_transfers(&store))).join().unwrap());
        store
    }

    pub(crate) fn open_as_it_is(&self) -> Store {
        Store::open(&self.path(), &opener("test")).unwrap()
    }
}

/// An environment with some variables, whose clock is set by the test.
pub(crate) struct World {
    variables: BTreeMap<String, String>,
    now: Mutex<Timestamp>,
    drawn: AtomicU64,
}

impl World {
    pub(crate) fn of(variables: &[(&str, &str)]) -> Arc<Self> {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Arc::new(Self { variables, now: Mutex::new(at(0)), drawn: AtomicU64::new(0) })
    }

    pub(crate) fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap() = now;
    }
}

impl Environment for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        // Every draw differs, in this process and in others.
        let drawn = self.drawn.fetch_add(1, Ordering::SeqCst);
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(self.new_id().as_bytes());
        bytes[16..24].copy_from_slice(&drawn.to_be_bytes());
        Ok(bytes)
    }
}

/// Runs something to its end on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// What an apply of new transfers writes, for those that are not there.
async fn apply_transfers(store: &Store) {
    let mut writes = Vec::new();
    for uid in ('A'..='F').map(transfer) {
        if store.get(Table::Transfers, uid.to_string()).await.unwrap().is_none() {
            let fact = write(&TransferFact::default()).unwrap();
            writes.push(Write::Put(Table::Transfers, uid.to_string(), fact));
        }
    }
    if !writes.is_empty() {
        State::commit(store, Commit { expected: None, writes, ..Commit::default() }).await.unwrap();
    }
}

pub(crate) fn opener(verb: &str) -> Opener {
    Opener { verb: verb.to_owned(), at: at(0), lineage: Uuid::from_u128(0xABCD) }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// A transfer by its letter.
pub(crate) fn transfer(letter: char) -> Uid {
    Uid(Uuid::from_u128(u128::from(letter)))
}

pub(crate) fn run() -> RunId {
    RunId(Uuid::from_u128(1))
}

/// Fields in the form of a row; `None` is an explicit empty.
pub(crate) fn row_of(fields: &[(FieldId, Option<&str>)]) -> Vec<u8> {
    let mut out = Vec::new();
    row::begin(&mut out);
    for (id, text) in fields {
        let value = text.map(|text| Value::Text(text.into()));
        row::push(&mut out, *id, value.as_ref());
    }
    out
}

/// A row as text: `1:x 3:z`.
pub(crate) fn shown(row: &[u8]) -> String {
    let fields = row::fields(row).unwrap().map(|field| {
        let field = field.unwrap();
        format!("{}:{}", field.id, field.value().unwrap().unwrap().to_text())
    });
    fields.collect::<Vec<_>>().join(" ")
}

/// Update types by their letters: `cud`.
pub(crate) fn updates(letters: &str) -> Updates {
    let of = |letter| match letter {
        'c' => UpdateType::Created,
        'u' => UpdateType::Updated,
        _ => UpdateType::Deleted,
    };
    letters.chars().map(of).collect()
}

/// An empty batch of a transfer that owns rows and wants everything.
pub(crate) fn batch(letter: char) -> Batch {
    Batch {
        transfer: transfer(letter),
        run: run(),
        at: at(0),
        fence: Fence { generation: 1, epoch: 0, lease: 0 },
        target: Target { incarnation: INC, defaults: Bytes::new(), required: Vec::new(), unique: Vec::new() },
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
        durable: false,
    }
}

/// Adds an upsert that gives fields to a key.
pub(crate) fn upsert(batch: &mut Batch, key: &str, fields: &[(FieldId, Option<&str>)]) {
    let patch = row_of(fields);
    let change =
        Change { intent: Intent::Upsert, key: key.as_bytes(), patch: &patch, version: b"", digest: None };
    batch.changes.push(change);
}

/// Adds a delete of a key.
pub(crate) fn delete(batch: &mut Batch, key: &str) {
    batch.changes.push(Change {
        intent: Intent::Delete,
        key: key.as_bytes(),
        patch: b"",
        version: b"",
        digest: None,
    });
}

/// Adds the reject of a record that comes after the changes so far.
pub(crate) fn reject_next(batch: &mut Batch, reject: Reject, version: &[u8]) {
    batch.changes.note_reject(version);
    batch.rejects.push(reject);
}

pub(crate) fn checkpoint(greatest: i64) -> Checkpoint {
    Checkpoint {
        version: CHECKPOINT_VERSION,
        fingerprint: Digest::of(b"fingerprint"),
        epoch: 0,
        cursor: Some(Cursor::Integer(greatest)),
        since: None,
        window: None,
        snapshot_at: None,
    }
}

/// A window under way, of the reading with this number.
pub(crate) fn window(attempt: u32) -> Window {
    Window {
        opened: None,
        run: run(),
        from: None,
        greatest: None,
        page: None,
        snapshot: false,
        keyless: 0,
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

pub(crate) fn sweep(letter: char, max_share: Option<u8>) -> Sweep {
    let Batch { transfer, run, at, fence, target, .. } = batch(letter);
    let within = max_share.map(within);
    Sweep {
        transfer,
        run,
        at,
        fence,
        target,
        snapshot: true,
        within,
        checkpoint: checkpoint(99),
        completes: None,
        record: None,
    }
}

/// A share of what was not shown, and of what records say is deleted.
pub(crate) fn within(share: u8) -> Within {
    Within { unseen: Percent(share), marked: Percent(share), created: 0 }
}

/// So many rows that were not shown are gone.
pub(crate) fn swept(unseen: u64) -> Swept {
    Swept::Done { unseen, marked: 0 }
}

/// So many of so many rows were not shown and would go.
pub(crate) fn kept(deletes: u64, of: u64) -> Swept {
    Swept::Held { by: DeletedBy::Snapshot, deletes, of }
}

pub(crate) fn reject(letter: char, key: Option<&str>, payload: &str, seconds: i64) -> Reject {
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
    }
}

/// The effects of a tally that are not zero: `created 1, skipped 2`.
pub(crate) fn effects(tally: &Tally) -> String {
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
pub(crate) async fn rows(store: &Store) -> BTreeMap<String, String> {
    let query = RowQuery { incarnation: INC, limit: usize::MAX, ..RowQuery::default() };
    let rows = store.rows(query).await.unwrap();
    rows.into_iter().map(|row| (String::from_utf8(row.key).unwrap(), shown(&row.row))).collect()
}

/// The keys of all rows, in order.
pub(crate) async fn keys(store: &Store) -> String {
    rows(store).await.into_keys().collect::<Vec<_>>().join(" ")
}

/// Raises a transfer's epoch, as an apply does.
pub(crate) async fn raise_epoch(store: &Store, letter: char, epoch: u64) {
    let fact = TransferFact { decided: Decided { epoch, reset: 0 }, ..TransferFact::default() };
    let put = Write::Put(Table::Transfers, transfer(letter).to_string(), serde_json::to_vec(&fact).unwrap());
    State::commit(store, Commit { expected: None, writes: vec![put], ..Commit::default() }).await.unwrap();
}

/// Deletes a transfer, as an apply does.
pub(crate) async fn delete_transfer(store: &Store, letter: char) {
    let remove = Write::Remove(Table::Transfers, transfer(letter).to_string());
    State::commit(store, Commit { expected: None, writes: vec![remove], ..Commit::default() }).await.unwrap();
}

/// Nothing in the file disagrees with anything else in it.
pub(crate) fn assert_sound(store: &Store) {
    assert_eq!(store.check().unwrap().problems, Vec::<String>::new());
}

/// A run of a transfer, with a tally of its own.
pub(crate) fn run_of(letter: char, swept: u64) -> Run {
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
    }
}

/// The runs of a transfer by the index, newest first.
pub(crate) async fn runs(store: &Store, letter: char) -> Vec<Run> {
    let scan = Scan { of: Some(transfer(letter)), newest_first: true, ..Scan::default() };
    let found = State::scan(store, Table::Runs, scan).await.unwrap();
    found.into_iter().map(|(_, fact)| read(&fact.bytes).unwrap()).collect()
}

/// Lists runs.
pub(crate) async fn put_runs(store: &Store, runs: &[Run]) {
    let put = |run: &Run| Write::Put(Table::Runs, run.id.to_string(), write(run).unwrap());
    let writes = runs.iter().map(put).collect();
    State::commit(store, Commit { expected: None, writes, ..Commit::default() }).await.unwrap();
}
