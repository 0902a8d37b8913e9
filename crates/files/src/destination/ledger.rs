//! The port `Ledger`: what the log says of rejects and numbers. Rows are not looked up.

use jiff::Timestamp;
use raccord_model::fact::{Reject, RejectId, Uid};
use raccord_model::port::destination::{
    Kept, KeptQuery, Ledger, RejectPlace, RejectQuery, RowQuery, StoredRow,
};

use super::error::CannotError;
use super::rejects::written;
use super::session::Session;
use super::world::Change;
use super::{Answer, FilesDestination, Of};

pub(super) fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Session {
    pub(super) fn rejects(&self, of: Option<Uid>) -> impl Iterator<Item = (&RejectId, &Reject)> {
        let transfers = self.view().transfers.iter();
        let its = transfers.filter(move |(transfer, _)| of.is_none_or(|of| of == **transfer));
        its.flat_map(|(_, known)| &known.rejects)
    }

    fn kept(&self, query: KeptQuery) -> Kept {
        Kept {
            checkpoint: self.resume(query.transfer),
            rows: self.count(query.incarnation, Some(query.transfer)),
            rejects: length(self.rejects(Some(query.transfer)).count()),
        }
    }
}

impl Ledger for FilesDestination {
    fn rows(&self, _query: RowQuery) -> Answer<'_, Vec<StoredRow>> {
        Box::pin(std::future::ready(Err(CannotError::LookUp.into())))
    }

    fn count(&self, incarnation: u64) -> Answer<'_, u64> {
        Box::pin(
            async move { self.with(Of::NoRun, async |session| Ok(session.count(incarnation, None))).await },
        )
    }

    fn count_owned(&self, incarnation: u64, owner: Uid) -> Answer<'_, u64> {
        Box::pin(async move {
            self.with(Of::NoRun, async |session| Ok(session.count(incarnation, Some(owner)))).await
        })
    }

    fn count_owners(&self, incarnation: u64) -> Answer<'_, Vec<(Uid, u64)>> {
        Box::pin(
            async move { self.with(Of::NoRun, async |session| Ok(session.count_owners(incarnation))).await },
        )
    }

    fn rejects(&self, query: RejectQuery) -> Answer<'_, Vec<(RejectId, Reject)>> {
        Box::pin(async move {
            let key = query.key.as_deref().map(written);
            self.with(Of::NoRun, async |session| {
                let mut found: Vec<(RejectId, Reject)> = session
                    .rejects(query.transfer)
                    .filter(|(id, _)| query.id.is_none_or(|wanted| wanted == **id))
                    .filter(|(_, reject)| key.is_none() || reject.key == key)
                    .map(|(id, reject)| (*id, reject.clone()))
                    .collect();
                found.sort_by_key(|(id, reject)| std::cmp::Reverse((reject.at, *id)));
                found.truncate(query.limit);
                Ok(found)
            })
            .await
        })
    }

    fn reject_places(
        &self,
        transfer: Uid,
        after: Option<(Timestamp, RejectId)>,
        limit: usize,
    ) -> Answer<'_, Vec<RejectPlace>> {
        Box::pin(async move {
            self.with(Of::NoRun, async |session| {
                let place = |(id, reject): (&RejectId, &Reject)| RejectPlace {
                    at: reject.at,
                    id: *id,
                    position: reject.position.clone(),
                };
                let mut found: Vec<RejectPlace> = session
                    .rejects(Some(transfer))
                    .map(place)
                    .filter(|place| after.is_none_or(|after| after < (place.at, place.id)))
                    .collect();
                found.sort_by_key(|place| (place.at, place.id));
                found.truncate(limit);
                Ok(found)
            })
            .await
        })
    }

    fn kept(&self, queries: Vec<KeptQuery>) -> Answer<'_, Vec<Kept>> {
        Box::pin(async move {
            self.with(Of::NoRun, async |session| {
                Ok(queries.iter().map(|query| session.kept(*query)).collect())
            })
            .await
        })
    }

    fn count_rejects(&self, transfer: Uid) -> Answer<'_, u64> {
        Box::pin(async move {
            self.with(Of::NoRun, async |session| Ok(length(session.rejects(Some(transfer)).count()))).await
        })
    }

    fn drop_rejects(&self, transfer: Uid, ids: Vec<RejectId>) -> Answer<'_, ()> {
        Box::pin(async move {
            self.with(Of::Beside(transfer), async |session| {
                let dropped = Change::Drop { transfer, ids, remembered: None };
                session.flush(transfer, vec![dropped]).await
            })
            .await
        })
    }
}
