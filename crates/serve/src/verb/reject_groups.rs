//! Rejects in groups: by transfer, field and reason. What was read of the rejects of a transfer is known until other ones are kept
//! of it, so that a page of groups reads what is new, and one of a group what it shows. Reads alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use raccord_model::fact::{RejectId, RunId, Uid};
use raccord_model::port::destination::{Ledger, RejectQuery};
use raccord_model::{Digest, Ident, Name};

use super::rejects::{LedgerOf, ledgers, names, places};
use crate::reply::{Replies, RequestError};
use crate::request::{PartOf, RejectGroup, RejectView, Reply, SummaryQuery};
use raccord_run::Ports;

/// Of how many rejects it is known to which group they belong; then the looking begins anew.
const MOST_KNOWN: usize = 200_000;

/// What was read of the rejects of transfers.
#[derive(Debug, Default)]
pub struct Groups(Mutex<BTreeMap<Uid, Arc<Known>>>);

/// What was read of the rejects of a transfer.
#[derive(Debug)]
struct Known {
    fingerprint: Fingerprint,
    groups: Vec<RejectGroup>,
    /// Each reject with its group, the newest first.
    members: Vec<(RejectId, Digest)>,
}

/// What differs once other rejects are kept of a transfer: each new one is the newest, and one that goes is missing.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    name: Name,
    count: u64,
    newest: Option<(RejectId, RunId, Timestamp)>,
}

impl Groups {
    /// Forgets everything: a replay may keep a reject for another reason.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uid, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The groups of a transfer. Its rejects are read only when they are others than before.
    async fn of(&self, ledger: &dyn Ledger, (uid, name): (Uid, &Name)) -> Result<Arc<Known>, RequestError> {
        let newest = RejectQuery { transfer: Some(uid), limit: 1, ..RejectQuery::default() };
        let newest = ledger.rejects(newest).await?.pop().map(|(id, reject)| (id, reject.run, reject.at));
        let fingerprint = Fingerprint { name: name.clone(), count: ledger.count_rejects(uid).await?, newest };
        if let Some(known) = self.lock().get(&uid).filter(|known| known.fingerprint == fingerprint) {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(read(ledger, uid, fingerprint).await?);
        let mut all = self.lock();
        all.remove(&uid);
        let many: usize = all.values().map(|known| known.members.len()).sum();
        if many + known.members.len() > MOST_KNOWN {
            all.clear();
        }
        all.insert(uid, Arc::clone(&known));
        Ok(known)
    }
}

/// Goes over all rejects of a transfer, newest first and one by one: what they hold need not stand in memory together.
async fn read(ledger: &dyn Ledger, uid: Uid, fingerprint: Fingerprint) -> Result<Known, RequestError> {
    let mut groups: BTreeMap<Digest, RejectGroup> = BTreeMap::new();
    let mut members = Vec::new();
    for place in places(ledger, uid).await?.into_iter().rev() {
        let query = RejectQuery { transfer: Some(uid), id: Some(place.id), key: None, limit: 1 };
        let Some((id, reject)) = ledger.rejects(query).await?.pop() else { continue };
        let reason = without_values(&reject.reason);
        let key = group_of(&fingerprint.name, reject.field.as_ref(), &reason);
        let group = groups.entry(key).or_insert_with(|| RejectGroup {
            id: key,
            transfer: fingerprint.name.clone(),
            field: reject.field,
            reason,
            count: 0,
            newest: id.to_string(),
            at: reject.at,
        });
        group.count += 1;
        members.push((id, key));
    }
    Ok(Known { fingerprint, groups: groups.into_values().collect(), members })
}

/// Rejects by transfer, field and reason, the most frequent first; with a part, that part of them, and how many there are.
pub async fn summary(
    ports: &Ports,
    known: &Groups,
    SummaryQuery { transfer, part }: SummaryQuery,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let names = names(ports, transfer.as_ref()).await?;
    let mut groups = Vec::new();
    for (ledger, uids) in ledgers(ports, transfer.as_ref()).await? {
        for uid in ledger.with_rejects(uids).await? {
            let Some(name) = names.get(&uid) else { continue };
            groups.extend(known.of(ledger.as_ref(), (uid, name)).await?.groups.iter().cloned());
        }
    }
    groups.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.id.cmp(&other.id)));
    let Some(PartOf { text, skip, limit }) = part else {
        for group in groups {
            replies(Reply::RejectGroup(group));
        }
        return Ok(());
    };
    let text = text.as_ref().map(|text| text.trim().to_lowercase()).unwrap_or_default();
    groups.retain(|group| has_text(group, &text));
    replies(Reply::Total(u64::try_from(groups.len()).unwrap_or(u64::MAX)));
    for group in groups.into_iter().skip(skip).take(limit) {
        replies(Reply::RejectGroup(group));
    }
    Ok(())
}

/// Whether a group has a text, in small letters, in what is shown of it.
fn has_text(group: &RejectGroup, text: &str) -> bool {
    group.transfer.as_str().contains(text)
        || group.field.as_ref().is_some_and(|field| field.as_str().to_lowercase().contains(text))
        || group.reason.to_lowercase().contains(text)
}

/// The rejects of a group, those of each transfer newest first. No more of them are read than are wanted.
pub(super) async fn in_group(
    (known, names, ledgers): (&Groups, &BTreeMap<Uid, Name>, Vec<LedgerOf>),
    group: Digest,
    (limit, total): (usize, bool),
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let mut found = 0;
    for (ledger, uids) in ledgers {
        for uid in ledger.with_rejects(uids).await? {
            let Some(name) = names.get(&uid) else { continue };
            let of_transfer = known.of(ledger.as_ref(), (uid, name)).await?;
            for (id, _) in of_transfer.members.iter().filter(|(_, own)| *own == group) {
                if found < limit {
                    let query = RejectQuery { transfer: Some(uid), id: Some(*id), key: None, limit: 1 };
                    let Some((id, reject)) = ledger.rejects(query).await?.pop() else { continue };
                    replies(Reply::Reject(RejectView::new(id, name.clone(), reject)));
                }
                found += 1;
            }
        }
    }
    if total {
        replies(Reply::Total(u64::try_from(found).unwrap_or(u64::MAX)));
    }
    Ok(())
}

/// The group of rejects that have one transfer, one field and one reason.
pub(super) fn group_of(transfer: &Name, field: Option<&Ident>, reason: &str) -> Digest {
    // A name and a field hold no line break.
    Digest::of(format!("{transfer}\n{}\n{reason}", field.map(Ident::as_str).unwrap_or_default()).as_bytes())
}

/// A reason with `…` for what stands between backquotes, which is mostly the value of one record.
pub(super) fn without_values(reason: &str) -> String {
    let parts = reason.split('`').enumerate();
    parts.map(|(at, part)| if at.is_multiple_of(2) { part } else { "`…`" }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use raccord_model::fact::Reject;
    use raccord_model::port::Async;
    use raccord_model::port::destination::{
        DestinationError, Kept, KeptQuery, RejectPlace, RowQuery, StoredRow,
    };
    use uuid::Uuid;

    use super::*;

    const TRANSFER: Uid = Uid(Uuid::nil());

    /// Rejects, the oldest first, and how many were read one by one.
    #[derive(Default)]
    struct MemoryLedger {
        rejects: Mutex<Vec<(RejectId, Reject)>>,
        read: AtomicUsize,
    }

    impl MemoryLedger {
        fn keep(&self, number: u8, minute: i64, reason: &str) {
            let at = Timestamp::from_second(minute * 60).unwrap();
            let run = RunId(Uuid::from_u128(minute.unsigned_abs().into()));
            let reject = Reject {
                transfer: TRANSFER,
                run,
                at,
                position: format!("line {number}"),
                field: None,
                reason: reason.to_owned(),
                key: None,
                payload: None,
                parent: None,
                deletion: false,
                partial: false,
                fetch: None,
            };
            let id = RejectId([number; 8]);
            let mut rejects = self.rejects.lock().unwrap();
            rejects.retain(|(known, _)| *known != id);
            rejects.push((id, reject));
        }
    }

    impl Ledger for MemoryLedger {
        fn rejects(
            &self,
            query: RejectQuery,
        ) -> Async<'_, Result<Vec<(RejectId, Reject)>, DestinationError>> {
            self.read.fetch_add(usize::from(query.id.is_some()), Ordering::SeqCst);
            let rejects = self.rejects.lock().unwrap();
            let wanted = rejects.iter().rev().filter(|(id, _)| query.id.is_none_or(|wanted| wanted == *id));
            let found: Vec<_> = wanted.take(query.limit).cloned().collect();
            Box::pin(async move { Ok(found) })
        }
        fn reject_places(
            &self,
            _: Uid,
            after: Option<(Timestamp, RejectId)>,
            _: usize,
        ) -> Async<'_, Result<Vec<RejectPlace>, DestinationError>> {
            let rejects = self.rejects.lock().unwrap();
            let place = |(id, reject): &(RejectId, Reject)| RejectPlace {
                at: reject.at,
                id: *id,
                position: reject.position.clone(),
            };
            let places = if after.is_none() { rejects.iter().map(place).collect() } else { Vec::new() };
            Box::pin(async move { Ok(places) })
        }
        fn count_rejects(&self, _: Uid) -> Async<'_, Result<u64, DestinationError>> {
            let count = u64::try_from(self.rejects.lock().unwrap().len()).unwrap();
            Box::pin(async move { Ok(count) })
        }
        fn rows(&self, _: RowQuery) -> Async<'_, Result<Vec<StoredRow>, DestinationError>> {
            unreachable!()
        }
        fn count(&self, _: u64) -> Async<'_, Result<u64, DestinationError>> {
            unreachable!()
        }
        fn count_owned(&self, _: u64, _: Uid) -> Async<'_, Result<u64, DestinationError>> {
            unreachable!()
        }
        fn count_owners(&self, _: u64) -> Async<'_, Result<Vec<(Uid, u64)>, DestinationError>> {
            unreachable!()
        }
        fn kept(&self, _: Vec<KeptQuery>) -> Async<'_, Result<Vec<Kept>, DestinationError>> {
            unreachable!()
        }
        fn drop_rejects(&self, _: Uid, _: Vec<RejectId>) -> Async<'_, Result<(), DestinationError>> {
            unreachable!()
        }
    }

    #[tokio::test]
    async fn rejects_are_read_when_they_are_others_than_before() {
        let (ledger, groups, name) = (MemoryLedger::default(), Groups::default(), "people".parse().unwrap());
        let check = async |expected: &[(&str, u64)], read: usize| {
            let known = groups.of(&ledger, (TRANSFER, &name)).await.unwrap();
            let mut counts: Vec<_> =
                known.groups.iter().map(|group| (group.reason.as_str(), group.count)).collect();
            counts.sort_unstable();
            assert_eq!(counts, expected);
            assert_eq!(ledger.read.swap(0, Ordering::SeqCst), read, "{expected:?}");
        };
        check(&[], 0).await;
        ledger.keep(1, 1, "the value `a` is no number");
        ledger.keep(2, 1, "the value `b` is no number");
        ledger.keep(3, 1, "it is empty");
        check(&[("it is empty", 1), ("the value `…` is no number", 2)], 3).await;
        check(&[("it is empty", 1), ("the value `…` is no number", 2)], 0).await;
        // One is rejected again, for another reason.
        ledger.keep(1, 2, "it is empty");
        check(&[("it is empty", 2), ("the value `…` is no number", 1)], 3).await;
        // One has gone.
        ledger.rejects.lock().unwrap().remove(0);
        check(&[("it is empty", 2)], 2).await;
        groups.forget();
        check(&[("it is empty", 2)], 2).await;
    }

    #[test]
    fn a_reason_is_the_same_whatever_value_it_names() {
        let check = |reason: &str, expected: &str| assert_eq!(without_values(reason), expected);
        check("the value `nobody` is not an e-mail address", "the value `…` is not an e-mail address");
        check("`a` is twice `b`", "`…` is twice `…`");
        check("it is empty", "it is empty");
        check("", "");
    }
}
