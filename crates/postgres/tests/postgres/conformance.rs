//! PostgreSQL does what the suite asks of all destinations. The suite's keys are any bytes, and its rows have no field for
//! them; here a key is what it is in life: a field of the row, in a column of its own.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use raccord_conformance::Subject;
use raccord_conformance::fixture::{INC, transfer};
use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::fact::{Decided, Reject, RejectId, Run, RunId, Tally, Uid};
use raccord_model::language::project::FieldType;
use raccord_model::port::Async;
use raccord_model::port::destination::{
    Batch, Candidates, Change, Changes, Destination, DestinationError, EntityShape, Fence, Inspection,
    Intent, Kept, KeptQuery, KnownPartition, Ledger, Prefetched, RejectPlace, RejectQuery, RowQuery,
    StoredRow, Sweep, Swept,
};
use raccord_model::row::{self, FieldId, apply_patch, key_values, push_key};
use raccord_model::value::Value;
use raccord_postgres::PostgresDestination;
use tokio_postgres::Client;

use crate::fixture::{Database, field, shape};

/// The field of the key.
const KEY: FieldId = 100;

/// The suite's keys, in a field of the row.
#[derive(Debug)]
pub(crate) struct Keyed(PostgresDestination);

fn text(key: &[u8]) -> Value<'_> {
    Value::Text(std::str::from_utf8(key).unwrap().into())
}

/// The bytes of a key of the suite.
fn inner(key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_key(&mut bytes, &text(key)).unwrap();
    bytes
}

/// The suite's key again.
fn outer(key: &[u8]) -> Vec<u8> {
    key_values(key).unwrap()[0].to_text().into_bytes()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A reject whose key is another form of the same.
fn rekeyed(reject: Reject, form: fn(&[u8]) -> Vec<u8>) -> Reject {
    let bytes = |text: String| -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let key = reject.key.map(|key| hexadecimal(&form(&bytes(key))));
    Reject { key, ..reject }
}

/// A patch, or a row without the field of the key.
fn with_key(patch: &[u8], key: Option<&[u8]>) -> Vec<u8> {
    let mut of_key = Vec::new();
    row::begin(&mut of_key);
    let mut out = Vec::new();
    if let Some(key) = key {
        // Fields ascend, and that of the key is the last: an explicit empty stays one.
        out.extend_from_slice(patch);
        row::push(&mut out, KEY, Some(&text(key)));
        return out;
    }
    row::push(&mut of_key, KEY, None);
    apply_patch(patch, &of_key, &mut out).unwrap();
    out
}

fn inner_batch(mut batch: Batch) -> Batch {
    let old = std::mem::take(&mut batch.changes);
    let places: Vec<(usize, Vec<u8>)> =
        batch_places(&Batch { changes: old.clone(), ..batch.clone_without_changes() }, &batch.rejects);
    let mut changes = Changes::default();
    let mut rejected = places.into_iter().peekable();
    for (number, change) in old.iter().enumerate() {
        while let Some((_, version)) = rejected.next_if(|(after, _)| *after <= number) {
            changes.note_reject(&version);
        }
        let patch = match change.intent {
            Intent::Upsert => with_key(change.patch, Some(change.key)),
            _ => change.patch.to_vec(),
        };
        changes.push(Change { key: &inner(change.key), patch: &patch, ..change });
    }
    rejected.for_each(|(_, version)| changes.note_reject(&version));
    batch.changes = changes;
    batch.rejects = batch.rejects.into_iter().map(|reject| rekeyed(reject, inner)).collect();
    batch
}

/// After how many changes each reject comes, and its version.
fn batch_places(batch: &Batch, rejects: &[Reject]) -> Vec<(usize, Vec<u8>)> {
    let batch =
        Batch { rejects: rejects.to_vec(), changes: batch.changes.clone(), ..batch.clone_without_changes() };
    batch.placed_rejects().map(|placed| (placed.after, placed.version.to_vec())).collect()
}

type Answer<'a, T> = Async<'a, Result<T, DestinationError>>;

impl Destination for Keyed {
    fn is_atomic(&self) -> bool {
        self.0.is_atomic()
    }

    fn is_state(&self) -> bool {
        self.0.is_state()
    }

    fn probe(&self) -> Answer<'_, ()> {
        self.0.probe()
    }

    fn inspect(&self, shape: EntityShape) -> Answer<'_, Inspection> {
        self.0.inspect(shape)
    }

    fn prepare(&self, shape: EntityShape) -> Answer<'_, ()> {
        self.0.prepare(shape)
    }

    fn resume(&self, transfer: Uid) -> Answer<'_, Option<Checkpoint>> {
        self.0.resume(transfer)
    }

    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        self.0.raise_fence(transfer, fence)
    }

    fn end(&self, transfer: Uid) -> Answer<'_, ()> {
        self.0.end(transfer)
    }

    fn prefetch(
        &self,
        transfer: Uid,
        incarnation: u64,
        candidates: Arc<Candidates>,
    ) -> Answer<'_, Prefetched> {
        let mut keyed = Candidates::default();
        for number in 0..candidates.len() {
            match candidates.get(number) {
                Some((key, digest)) => keyed.push(&inner(key), digest),
                None => keyed.push_none(),
            }
        }
        self.0.prefetch(transfer, incarnation, Arc::new(keyed))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Tally> {
        self.0.commit(inner_batch(batch))
    }

    fn settled(&self, transfer: Uid) -> Answer<'_, Vec<u64>> {
        self.0.settled(transfer)
    }

    fn recorded(&self, run: RunId) -> Answer<'_, Option<Run>> {
        self.0.recorded(run)
    }

    fn begin_window(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        self.0.begin_window(transfer, fence)
    }

    fn partition(&self, transfer: Uid, id: PartitionId) -> Answer<'_, Option<KnownPartition>> {
        self.0.partition(transfer, id)
    }

    fn forget_partitions(&self, transfer: Uid, fence: Fence) -> Answer<'_, ()> {
        self.0.forget_partitions(transfer, fence)
    }

    fn sweep(&self, sweep: Sweep) -> Answer<'_, Swept> {
        self.0.sweep(sweep)
    }

    fn collect(&self, incarnation: u64) -> Answer<'_, u64> {
        self.0.collect(incarnation)
    }
}

impl Ledger for Keyed {
    fn rows(&self, query: RowQuery) -> Answer<'_, Vec<StoredRow>> {
        let form = |key: Option<Vec<u8>>| key.map(|key| inner(&key));
        let query = RowQuery { key: form(query.key), after: form(query.after), ..query };
        Box::pin(async move {
            let rows = self.0.rows(query).await?;
            let shown =
                |row: StoredRow| StoredRow { key: outer(&row.key), row: with_key(&row.row, None), ..row };
            Ok(rows.into_iter().map(shown).collect())
        })
    }

    fn count(&self, incarnation: u64) -> Answer<'_, u64> {
        self.0.count(incarnation)
    }

    fn count_owned(&self, incarnation: u64, owner: Uid) -> Answer<'_, u64> {
        self.0.count_owned(incarnation, owner)
    }

    fn rejects(&self, query: RejectQuery) -> Answer<'_, Vec<(RejectId, Reject)>> {
        let query = RejectQuery { key: query.key.map(|key| inner(&key)), ..query };
        Box::pin(async move {
            let found = self.0.rejects(query).await?;
            Ok(found.into_iter().map(|(id, reject)| (id, rekeyed(reject, outer))).collect())
        })
    }

    fn reject_places(
        &self,
        transfer: Uid,
        after: Option<(Timestamp, RejectId)>,
        limit: usize,
    ) -> Answer<'_, Vec<RejectPlace>> {
        self.0.reject_places(transfer, after, limit)
    }

    fn kept(&self, queries: Vec<KeptQuery>) -> Answer<'_, Vec<Kept>> {
        self.0.kept(queries)
    }

    fn count_rejects(&self, transfer: Uid) -> Answer<'_, u64> {
        self.0.count_rejects(transfer)
    }

    fn drop_rejects(&self, transfer: Uid, ids: Vec<RejectId>) -> Answer<'_, ()> {
        self.0.drop_rejects(transfer, ids)
    }
}

/// Tables in a database of its own, which the next one takes over with its tables.
pub(crate) struct InPostgres {
    database: Arc<Database>,
    client: Client,
    destination: Keyed,
}

/// Databases in which the tables are ready.
static READY: Mutex<Vec<Arc<Database>>> = Mutex::new(Vec::new());

/// Empties what an earlier one has left.
const EMPTY: &str = "DELETE FROM crm.contact; DELETE FROM crm.other; DELETE FROM raccord.transfers; \
    DELETE FROM raccord.marks; DELETE FROM raccord.doomed; DELETE FROM raccord.partitions; \
    DELETE FROM raccord.tombstones; DELETE FROM raccord.waiting; DELETE FROM raccord.rejects; \
    DELETE FROM raccord.forgotten; DELETE FROM raccord.runs; DELETE FROM raccord.entities";

impl Drop for InPostgres {
    fn drop(&mut self) {
        READY.lock().unwrap().push(Arc::clone(&self.database));
    }
}

impl Subject for InPostgres {
    type Ports = Keyed;

    /// A server answers a thousand times more slowly than memory; `cargo xtask laws` tries many more.
    const CASES: u32 = 80;

    async fn empty() -> Self {
        let ready = READY.lock().unwrap().pop();
        let database = ready.clone().unwrap_or_else(|| Arc::new(Database::empty()));
        let client = database.connect().await;
        if ready.is_some() {
            client.batch_execute(EMPTY).await.unwrap();
        }
        let destination = Keyed(database.destination());
        let texts = || [1, 2, 3, 5, 6, 7, 9, KEY].map(|id| field(id, FieldType::Text)).into();
        for (incarnation, table) in [(INC, "contact"), (INC + 1, "other")] {
            let mut shape = EntityShape { key: vec![KEY], ..shape(incarnation, table, texts()) };
            shape.entity = format!("crm.{table}").parse().unwrap();
            destination.prepare(shape).await.unwrap();
        }
        let subject = Self { database, client, destination };
        for letter in 'A'..='F' {
            subject.apply(transfer(letter), Some(Decided::default())).await;
        }
        subject
    }

    fn destination(&self) -> &Keyed {
        &self.destination
    }

    async fn apply(&self, transfer: Uid, decided: Option<Decided>) {
        let Some(Decided { epoch, reset }) = decided else {
            return self.destination.end(transfer).await.unwrap();
        };
        let query = "SELECT lease FROM raccord.transfers WHERE transfer = $1";
        let lease = self.client.query_opt(query, &[&transfer.0]).await.unwrap();
        let lease = lease.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned());
        // An apply does not lower what a run has raised.
        let done = self.destination.raise_fence(transfer, Fence { generation: 1, epoch, reset, lease }).await;
        assert!(matches!(done, Ok(()) | Err(DestinationError::Fenced { .. })), "{done:?}");
    }

    async fn recorded(&self, transfer: Uid) -> Vec<Run> {
        let query = "SELECT record FROM raccord.runs WHERE transfer = $1 ORDER BY run";
        let rows = self.client.query(query, &[&transfer.0]).await.unwrap();
        rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect()
    }

    async fn reopen(mut self) -> Self {
        self.destination = Keyed(self.database.destination());
        self
    }

    /// Nothing is kept twice, and nothing of what is gone.
    fn assert_sound(&self) {
        let found = self.database.sql(
            "SELECT (SELECT count(*) FROM raccord.tombstones t JOIN crm.contact c ON t.incarnation = 7 \
             AND t.key = '\\x01'::bytea || convert_to(c.f100, 'UTF8') || '\\x0000'::bytea), \
             (SELECT count(*) FROM raccord.waiting w JOIN raccord.transfers t USING (transfer) WHERE t.ended), \
             (SELECT count(*) FROM raccord.rejects r JOIN raccord.forgotten f USING (transfer, id))",
        );
        assert_eq!(
            found, "0|0|0",
            "tombstones of rows, enrichments of no transfer, rejects that are forgotten"
        );
    }
}

raccord_conformance::conformance!(crate::conformance::InPostgres);
