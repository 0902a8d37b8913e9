//! The port `Ledger`: rows, rejects and their numbers, read from one consistent moment.

use jiff::Timestamp;
use raccord_model::fact::{Reject, RejectId, Uid};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    DestinationError, Kept, KeptQuery, Ledger, RejectPlace, RejectQuery, RowQuery, Said, StoredRow,
};
use redb::{ReadTransaction, ReadableTable};

use crate::Store;
use crate::counter::{self, Counter};
use crate::destination::{self, rejects};
use crate::error::StoreError;
use crate::record::Record;
use crate::table::{self, Raw, Tables, Under};

impl Ledger for Store {
    fn rows(&self, query: RowQuery) -> Async<'_, Result<Vec<StoredRow>, DestinationError>> {
        Box::pin(
            async move { self.read(move |at| rows(at, &query)).await.map_err(StoreError::destination_read) },
        )
    }

    fn count(&self, incarnation: u64) -> Async<'_, Result<u64, DestinationError>> {
        Box::pin(self.counted(Counter::Rows(incarnation)))
    }

    fn count_owned(&self, incarnation: u64, owner: Uid) -> Async<'_, Result<u64, DestinationError>> {
        Box::pin(self.counted(Counter::Owned(incarnation, owner)))
    }

    fn count_owners(&self, incarnation: u64) -> Async<'_, Result<Vec<(Uid, u64)>, DestinationError>> {
        let work = move |at: &ReadTransaction| counter::owned(&at.open_table(table::COUNTERS)?, incarnation);
        Box::pin(async move { self.read(work).await.map_err(StoreError::destination_read) })
    }

    fn rejects(&self, query: RejectQuery) -> Async<'_, Result<Vec<(RejectId, Reject)>, DestinationError>> {
        Box::pin(async move {
            self.read(move |at| found_rejects(at, &query)).await.map_err(StoreError::destination_read)
        })
    }

    fn reject_places(
        &self,
        transfer: Uid,
        after: Option<(Timestamp, RejectId)>,
        limit: usize,
    ) -> Async<'_, Result<Vec<RejectPlace>, DestinationError>> {
        let work = move |at: &ReadTransaction| places(at, transfer, after, limit);
        Box::pin(async move { self.read(work).await.map_err(StoreError::destination_read) })
    }

    fn kept(&self, queries: Vec<KeptQuery>) -> Async<'_, Result<Vec<Kept>, DestinationError>> {
        let work = move |at: &ReadTransaction| kept(at, &queries);
        Box::pin(async move { self.read(work).await.map_err(StoreError::destination_read) })
    }

    fn with_rejects(&self, transfers: Vec<Uid>) -> Async<'_, Result<Vec<Uid>, DestinationError>> {
        let work = move |at: &ReadTransaction| with_rejects(at, &transfers);
        Box::pin(async move { self.read(work).await.map_err(StoreError::destination_read) })
    }

    fn said(
        &self,
        transfer: Uid,
        keys: Vec<Vec<u8>>,
    ) -> Async<'_, Result<Option<Vec<Said>>, DestinationError>> {
        let work = move |at: &ReadTransaction| said(at, transfer, &keys).map(Some);
        Box::pin(async move { self.read(work).await.map_err(StoreError::destination_read) })
    }

    fn count_rejects(&self, transfer: Uid) -> Async<'_, Result<u64, DestinationError>> {
        Box::pin(self.counted(Counter::Rejects(transfer)))
    }

    fn drop_rejects(&self, transfer: Uid, ids: Vec<RejectId>) -> Async<'_, Result<(), DestinationError>> {
        let work = move |tables: &mut Tables<'_>| rejects::take(tables, transfer, &ids).map(Ok);
        Box::pin(self.writer.submit(true, StoreError::destination_write, work))
    }
}

impl Store {
    async fn counted(&self, counter: Counter) -> Result<u64, DestinationError> {
        let work = move |at: &ReadTransaction| counter::read(&at.open_table(table::COUNTERS)?, counter);
        self.read(work).await.map_err(StoreError::destination_read)
    }
}

fn said(at: &ReadTransaction, transfer: Uid, keys: &[Vec<u8>]) -> Result<Vec<Said>, StoreError> {
    let (seen, doomed) = (at.open_table(table::SEEN)?, at.open_table(table::DOOMED)?);
    let said = |key: &Vec<u8>| {
        let mark = [table::uid(&transfer).as_slice(), key].concat();
        if let Some(version) = doomed.get(mark.as_slice())? {
            return Ok(Said::Deleted(version.value().to_vec()));
        }
        let shown = seen.get(mark.as_slice())?;
        Ok(if shown.is_some_and(|how| destination::seen::shows(how.value())) {
            Said::Shown
        } else {
            Said::Nothing
        })
    };
    keys.iter().map(said).collect()
}

fn with_rejects(at: &ReadTransaction, transfers: &[Uid]) -> Result<Vec<Uid>, StoreError> {
    let counters = at.open_table(table::COUNTERS)?;
    let mut found = Vec::new();
    for transfer in transfers {
        if counter::read(&counters, Counter::Rejects(*transfer))? > 0 {
            found.push(*transfer);
        }
    }
    Ok(found)
}

fn kept(at: &ReadTransaction, queries: &[KeptQuery]) -> Result<Vec<Kept>, StoreError> {
    let counters = at.open_table(table::COUNTERS)?;
    let checkpoints = at.open_table(table::CHECKPOINTS)?;
    let kept = |&KeptQuery { transfer, incarnation }: &KeptQuery| {
        let checkpoint = checkpoints.get(table::uid(&transfer).as_slice())?;
        Ok(Kept {
            checkpoint: checkpoint.map(|json| destination::checkpoint(json.value())).transpose()?,
            rows: counter::read(&counters, Counter::Owned(incarnation, transfer))?,
            rejects: counter::read(&counters, Counter::Rejects(transfer))?,
        })
    };
    queries.iter().map(kept).collect()
}

fn rows(at: &ReadTransaction, query: &RowQuery) -> Result<Vec<StoredRow>, StoreError> {
    let rows = at.open_table(table::ROWS)?;
    let inc = table::incarnation(query.incarnation);
    if let Some(key) = &query.key {
        let is_after = query.after.as_ref().is_none_or(|after| after < key);
        let found = rows.get([inc.as_slice(), key].concat().as_slice())?;
        let wanted = found.filter(|_| is_after && query.limit > 0);
        return wanted.map(|value| stored(key, value.value())).into_iter().collect();
    }
    let mut under = Under::new(&[&inc]);
    if let Some(after) = &query.after {
        under = under.after(&[inc.as_slice(), after].concat());
    }
    if under.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in rows.range::<&[u8]>(under.bounds())?.take(query.limit) {
        let (key, value) = entry?;
        found.push(stored(key.value().get(inc.len()..).unwrap_or_default(), value.value())?);
    }
    Ok(found)
}

fn stored(key: &[u8], value: &[u8]) -> Result<StoredRow, StoreError> {
    let record = Record::decode(value)?;
    Ok(StoredRow {
        key: key.to_vec(),
        row: record.row.to_vec(),
        owner: record.owner,
        run: record.run,
        version: record.version.to_vec(),
    })
}

/// Rejects, newest first. Each transfer's newest are enough to find the newest of all.
fn found_rejects(at: &ReadTransaction, query: &RejectQuery) -> Result<Vec<(RejectId, Reject)>, StoreError> {
    let kept = at.open_table(table::REJECTS)?;
    let times = at.open_table(table::REJECT_TIMES)?;
    let transfers = match query.transfer {
        Some(transfer) => vec![transfer],
        None => counter::rejects(&at.open_table(table::COUNTERS)?)?.into_iter().map(|(uid, _)| uid).collect(),
    };
    let mut found: Vec<(Timestamp, RejectId, Reject)> = Vec::new();
    for transfer in transfers {
        let ids = match (query.id, &query.key) {
            (Some(id), _) => vec![id],
            (None, Some(key)) => rejects::carriers(&at.open_table(table::REJECT_KEYS)?, transfer, key)?,
            (None, None) => newest(&times, transfer, query.limit)?,
        };
        for id in ids {
            if let Some(value) = kept.get([table::uid(&transfer).as_slice(), &id.0].concat().as_slice())? {
                let reject = rejects::decode(value.value())?;
                found.push((reject.at, id, reject));
            }
        }
    }
    found.sort_by_key(|(at, id, _)| std::cmp::Reverse((*at, *id)));
    found.truncate(query.limit);
    Ok(found.into_iter().map(|(_, id, reject)| (id, reject)).collect())
}

fn places(
    at: &ReadTransaction,
    transfer: Uid,
    after: Option<(Timestamp, RejectId)>,
    limit: usize,
) -> Result<Vec<RejectPlace>, StoreError> {
    let kept = at.open_table(table::REJECTS)?;
    let owner = table::uid(&transfer).as_slice();
    let mut under = Under::new(&[owner]);
    if let Some((at, id)) = after {
        under = under.after(&[owner, &table::time(at), &id.0].concat());
    }
    let mut found = Vec::new();
    if under.is_empty() {
        return Ok(found);
    }
    for entry in at.open_table(table::REJECT_TIMES)?.range::<&[u8]>(under.bounds())?.take(limit) {
        let id = table::reject_id(entry?.0.value())?;
        if let Some(value) = kept.get([owner, &id.0].concat().as_slice())? {
            let reject = rejects::decode(value.value())?;
            found.push(RejectPlace { at: reject.at, id, position: reject.position });
        }
    }
    Ok(found)
}

fn newest(
    times: &impl ReadableTable<Raw, Raw>,
    transfer: Uid,
    limit: usize,
) -> Result<Vec<RejectId>, StoreError> {
    times
        .range::<&[u8]>(Under::new(&[table::uid(&transfer)]).bounds())?
        .rev()
        .take(limit)
        .map(|entry| table::reject_id(entry?.0.value()))
        .collect()
}
