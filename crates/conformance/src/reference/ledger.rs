//! The port `Ledger` of the reference: what is kept, filtered and sorted. It changes nothing but that rejects go.

use jiff::Timestamp;
use raccord_model::fact::{Reject, RejectId, Uid};
use raccord_model::port::Async;
use raccord_model::port::destination::{
    DestinationError, Kept, KeptQuery, Ledger, RejectPlace, RejectQuery, RowQuery, Said, StoredRow,
};

use super::fields::row_of;
use super::rejects::key_of;
use super::rows::Row;
use super::world::{World, count};
use super::{Reference, ready};

impl Ledger for Reference {
    fn rows(&self, query: RowQuery) -> Async<'_, Result<Vec<StoredRow>, DestinationError>> {
        ready(Ok(self.look(|world| {
            let rows = world.entities.get(&query.incarnation).into_iter().flat_map(|entity| &entity.rows);
            rows.filter(|(key, _)| query.key.as_ref().is_none_or(|wanted| wanted == *key))
                .filter(|(key, _)| query.after.as_ref().is_none_or(|after| after < *key))
                .take(query.limit)
                .map(|(key, row)| stored(key, row))
                .collect()
        })))
    }

    fn count(&self, incarnation: u64) -> Async<'_, Result<u64, DestinationError>> {
        ready(Ok(self.look(|world| world.entities.get(&incarnation).map_or(0, |entity| count(&entity.rows)))))
    }

    fn count_owned(&self, incarnation: u64, owner: Uid) -> Async<'_, Result<u64, DestinationError>> {
        ready(Ok(self.look(|world| world.owned(incarnation, owner))))
    }

    fn count_owners(&self, incarnation: u64) -> Async<'_, Result<Vec<(Uid, u64)>, DestinationError>> {
        ready(Ok(self.look(|world| world.owners(incarnation))))
    }

    fn rejects(&self, query: RejectQuery) -> Async<'_, Result<Vec<(RejectId, Reject)>, DestinationError>> {
        ready(Ok(self.look(|world| {
            let of_transfers =
                world.rejects.iter().filter(|(of, _)| query.transfer.is_none_or(|wanted| wanted == **of));
            let kept = of_transfers.flat_map(|(_, rejects)| &rejects.kept);
            let mut found: Vec<(RejectId, Reject)> = kept
                .filter(|(id, _)| query.id.is_none_or(|wanted| wanted == **id))
                .filter(|(_, (reject, _))| query.key.is_none() || key_of(reject) == query.key)
                .map(|(id, (reject, _))| (*id, reject.clone()))
                .collect();
            found.sort_by_key(|(id, reject)| std::cmp::Reverse((reject.at, *id)));
            found.truncate(query.limit);
            found
        })))
    }

    fn said(
        &self,
        transfer: Uid,
        keys: Vec<Vec<u8>>,
    ) -> Async<'_, Result<Option<Vec<Said>>, DestinationError>> {
        ready(Ok(self.look(|world| {
            let said = |key: &Vec<u8>| {
                if let Some(version) = world.doomed.get(&transfer).and_then(|doomed| doomed.get(key)) {
                    return Said::Deleted(version.clone());
                }
                let mark = world.marks.get(&transfer).and_then(|marks| marks.get(key));
                if mark.is_some_and(|mark| !mark.is_deleted) { Said::Shown } else { Said::Nothing }
            };
            Some(keys.iter().map(said).collect())
        })))
    }

    fn reject_places(
        &self,
        transfer: Uid,
        after: Option<(Timestamp, RejectId)>,
        limit: usize,
    ) -> Async<'_, Result<Vec<RejectPlace>, DestinationError>> {
        ready(Ok(self.look(|world| {
            let kept = world.rejects.get(&transfer).into_iter().flat_map(|rejects| &rejects.kept);
            let mut found: Vec<RejectPlace> = kept
                .map(|(id, (reject, _))| RejectPlace {
                    at: reject.at,
                    id: *id,
                    position: reject.position.clone(),
                })
                .filter(|place| after.is_none_or(|after| after < (place.at, place.id)))
                .collect();
            found.sort_by_key(|place| (place.at, place.id));
            found.truncate(limit);
            found
        })))
    }

    fn kept(&self, queries: Vec<KeptQuery>) -> Async<'_, Result<Vec<Kept>, DestinationError>> {
        ready(Ok(self.look(|world| {
            let kept = |query: &KeptQuery| Kept {
                checkpoint: world.checkpoint(query.transfer),
                rows: world.owned(query.incarnation, query.transfer),
                rejects: rejects_of(world, query.transfer),
            };
            queries.iter().map(kept).collect()
        })))
    }

    fn count_rejects(&self, transfer: Uid) -> Async<'_, Result<u64, DestinationError>> {
        ready(Ok(self.look(|world| rejects_of(world, transfer))))
    }

    fn drop_rejects(&self, transfer: Uid, ids: Vec<RejectId>) -> Async<'_, Result<(), DestinationError>> {
        ready(self.change(|world| {
            let rejects = world.rejects.entry(transfer).or_default();
            rejects.kept.retain(|id, _| !ids.contains(id));
            Ok(())
        }))
    }
}

pub(super) fn rejects_of(world: &World, transfer: Uid) -> u64 {
    world.rejects.get(&transfer).map_or(0, |rejects| count(&rejects.kept))
}

fn stored(key: &[u8], row: &Row) -> StoredRow {
    StoredRow {
        key: key.to_vec(),
        row: row_of(&row.fields),
        owner: row.owner,
        run: row.run,
        version: row.version_of(row.owner).to_vec(),
    }
}
