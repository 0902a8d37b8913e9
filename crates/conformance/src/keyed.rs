//! For destinations that keep rows in columns. The suite's keys are any bytes, and its rows have no field for them; here a key
//! is what it is in life: a field of the row. It changes nothing else.

use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::checkpoint::{Checkpoint, PartitionId};
use raccord_model::fact::{Reject, RejectId, Run, RunId, Tally, Uid};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    Batch, Candidates, Change, Changes, Destination, DestinationError, EntityShape, Fence, Inspection,
    Intent, Kept, KeptQuery, KnownPartition, Ledger, Prefetched, RejectPlace, RejectQuery, ResumePoint,
    RowQuery, Said, StoredRow, Sweep, Swept,
};
use raccord_model::row::{self, FieldId, apply_patch, key_values, push_key};
use raccord_model::value::Value;

/// The field of the key.
pub const KEY: FieldId = 100;

/// A destination that keeps keys in columns, to which the suite's keys are given as a field of the row.
#[derive(Debug)]
pub struct Keyed<D>(pub D);

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

impl<D: Destination> Destination for Keyed<D> {
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

    fn inspect_cached(&self, shape: EntityShape) -> Answer<'_, Inspection> {
        self.0.inspect_cached(shape)
    }

    fn prepare(&self, shape: EntityShape) -> Answer<'_, ()> {
        self.0.prepare(shape)
    }

    fn resume(&self, transfer: Uid) -> Answer<'_, Option<Checkpoint>> {
        self.0.resume(transfer)
    }

    fn raise_fence(&self, transfer: Uid, fence: Fence) -> Answer<'_, ResumePoint> {
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

impl<D: Ledger> Ledger for Keyed<D> {
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

    fn count_owners(&self, incarnation: u64) -> Answer<'_, Vec<(Uid, u64)>> {
        self.0.count_owners(incarnation)
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

    fn said(&self, transfer: Uid, keys: Vec<Vec<u8>>) -> Answer<'_, Option<Vec<Said>>> {
        self.0.said(transfer, keys.iter().map(|key| inner(key)).collect())
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
