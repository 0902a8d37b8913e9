//! Rejected records: shown, and mapped again after the mapping or the data was mended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use raccord_model::decide::key_of;
use raccord_model::fact::{Fetch, Reject, RejectId, RunId, StorePlace, Tally, Uid};
use raccord_model::port::destination::{
    Batch, Change, Intent, Ledger, Refuse, RejectPlace, RejectQuery, RowQuery, Rows,
};
use raccord_model::port::inbox::{Accept, Delivery, DeliveryKind};
use raccord_model::port::records::{Page, Records};
use raccord_model::{Digest, Kind, Name};

use super::operate;
use super::reject_groups::{Groups, group_of, in_group, without_values};
use crate::reply::{Replies, RequestError};
use crate::request::{RejectView, RejectsOf, Reply};
use raccord_run::Ports;
use raccord_run::Unknown;
use raccord_run::job::Job;
use raccord_run::lease::TransferLease;
use raccord_run::page::hexadecimal;
use raccord_run::records::map_arrivals;
use raccord_run::rejecting::{Arrival, Shows};

/// Of how many rejects at a time it is learned where they stand. What they hold is read one by one.
const CHUNK: usize = 1_000;

/// Which rejects are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// This one alone.
    pub id: Option<RejectId>,
    /// Only those of this group.
    pub group: Option<Digest>,
    /// At most so many.
    pub limit: usize,
    /// Whether to say how many there are, shown or not.
    pub total: bool,
}

/// Rejects, newest first.
pub async fn list(
    ports: &Ports,
    known: &Groups,
    transfer: Option<&Name>,
    Wanted { id, group, limit, total }: Wanted,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let names = names(ports, transfer).await?;
    let of = transfer.and_then(|_| names.keys().next().copied());
    let ledgers = ledgers(ports, transfer).await?;
    if let Some(group) = group {
        return in_group((known, &names, ledgers), group, (limit, total), replies).await;
    }
    let mut found = Vec::new();
    for (ledger, _) in &ledgers {
        found.extend(ledger.rejects(RejectQuery { transfer: of, id, key: None, limit }).await?);
    }
    if ledgers.len() > 1 {
        found.sort_by_key(|(id, reject)| std::cmp::Reverse((reject.at, *id)));
        found.truncate(limit);
    }
    if let (Some(id), true) = (id, found.is_empty()) {
        return Err(RequestError::Unknown(Unknown {
            kind: "reject",
            name: id.to_string(),
            hint: "; `raccord rejects list` shows them".to_owned(),
        }));
    }
    for (id, reject) in found {
        // Rejects of a deleted transfer have no name to show, and nothing to be replayed by.
        if let Some(transfer) = names.get(&reject.transfer).cloned() {
            replies(Reply::Reject(RejectView::new(id, transfer, reject)));
        }
    }
    if total {
        let mut all = 0;
        for (ledger, transfers) in &ledgers {
            for uid in transfers {
                all += ledger.count_rejects(*uid).await?;
            }
        }
        replies(Reply::Total(all));
    }
    Ok(())
}

/// The transfers of the generation in force, or the one that is named.
pub(super) async fn names(ports: &Ports, only: Option<&Name>) -> Result<BTreeMap<Uid, Name>, RequestError> {
    let applied = ports.applied().await?;
    if let Some(name) = only {
        let unknown = || RequestError::unknown(Kind::Transfer, name, applied.index.keys());
        let uid = applied.uid(Kind::Transfer, name).ok_or_else(unknown)?;
        return Ok(BTreeMap::from([(uid, name.clone())]));
    }
    Ok(applied.transfers().map(|(name, uid, _)| (uid, name.clone())).collect())
}

/// A ledger, and the transfers of which it has the rejects.
pub(super) type LedgerOf = (Arc<dyn Ledger>, Vec<Uid>);

/// Where the rejects of all transfers are, or of the one that is named.
pub(super) async fn ledgers(ports: &Ports, only: Option<&Name>) -> Result<Vec<LedgerOf>, RequestError> {
    let applied = ports.applied().await?;
    let mut places: Vec<(StorePlace, Vec<Uid>)> = Vec::new();
    if only.is_none() && ports.has_embedded_rows() {
        // Rejects of deleted transfers are in the state.
        places.push((StorePlace::Embedded, Vec::new()));
    }
    for (_, uid, spec) in applied.transfers().filter(|(name, ..)| only.is_none_or(|only| only == *name)) {
        let project = applied.desired.project(&spec.to.project);
        let place = project.and_then(|project| applied.desired.store_place(project)).unwrap_or_default();
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, transfers)) => transfers.push(uid),
            None => places.push((place, vec![uid])),
        }
    }
    let open = |(place, transfers): (StorePlace, Vec<Uid>)| {
        Ok((ports.rows_at(&place, &applied.desired.root)?.ledger, transfers))
    };
    places.into_iter().map(open).collect()
}

/// Maps the rejects of a transfer again; those that pass are stored and no longer rejects.
///
/// The oldest come first, so that of several records with one key the newest stands in the end. What is no longer kept
/// is left alone: a run has meanwhile stored a record with its key.
pub async fn replay(
    ports: &Ports,
    transfer: &Name,
    only: Option<RejectsOf>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let uid = operate::uid(ports, Kind::Transfer, transfer).await?;
    let lease = operate::lease(ports, (transfer, uid), "raccord rejects replay").await?;
    let said = lease.renewed(replay_under(ports, (transfer, only), &lease), || ()).await?;
    lease.release().await?;
    replies(Reply::Done(said));
    Ok(())
}

/// Replays under a lease; a replay that has lost it is refused. Returns what it has come to, in words.
async fn replay_under(
    ports: &Ports,
    (transfer, only): (&Name, Option<RejectsOf>),
    lease: &TransferLease,
) -> Result<String, RequestError> {
    let job = operate::prepare_under(ports, transfer, lease).await?;
    let rows = job.rows(ports)?;
    let mut places = places(rows.ledger.as_ref(), job.uid).await?;
    places.sort_by(|one, other| {
        one.at.cmp(&other.at).then_with(|| order(&one.position).cmp(&order(&other.position)))
    });
    let mut replay = Replay { only, ..Replay::default() };
    for place in places {
        replay.take((ports, &rows), &job, place.id).await?;
    }
    // Durable, and with it every commit before.
    rows.ledger.drop_rejects(job.uid, std::mem::take(&mut replay.passed)).await?;
    Ok(replay.said())
}

/// Where every reject of a transfer stands.
pub(super) async fn places(ledger: &dyn Ledger, transfer: Uid) -> Result<Vec<RejectPlace>, RequestError> {
    let mut places: Vec<RejectPlace> = Vec::new();
    loop {
        let after = places.last().map(|place| (place.at, place.id));
        let found = ledger.reject_places(transfer, after, CHUNK).await?;
        if found.is_empty() {
            return Ok(places);
        }
        places.extend(found);
    }
}

/// A replay under way.
#[derive(Default)]
struct Replay {
    /// Which rejects are replayed; all of them without it.
    only: Option<RejectsOf>,
    tally: Tally,
    /// The rejects that are none any more.
    passed: Vec<RejectId>,
    /// The keys of the rows that it has stored: later rejects of them are no longer kept because of this replay.
    stored: BTreeSet<String>,
    /// Rejects with the key of one whose turn has come: what it stores supersedes them before it is theirs.
    spared: BTreeMap<RejectId, Reject>,
    /// How many rejects have no record to be mapped.
    without_record: usize,
    /// How many are deliveries again, whose records are asked for.
    fetched: usize,
    /// How many are left because their rows were written after them.
    outdated: usize,
}

impl Replay {
    /// A reject whose turn it is; nothing when it is no longer kept, for a run has meanwhile stored a record with its key.
    async fn reject(&mut self, rows: &Rows, job: &Job, id: RejectId) -> Result<Option<Reject>, RequestError> {
        let is_superseded_here =
            |reject: &Reject| reject.key.as_ref().is_some_and(|key| self.stored.contains(key));
        if let Some(spared) = self.spared.remove(&id).filter(is_superseded_here) {
            return Ok(Some(spared));
        }
        let query = RejectQuery { transfer: Some(job.uid), id: Some(id), key: None, limit: 1 };
        Ok(rows.ledger.rejects(query).await?.pop().map(|(_, reject)| reject))
    }

    async fn take(
        &mut self,
        (ports, rows): (&Ports, &Rows),
        job: &Arc<Job>,
        id: RejectId,
    ) -> Result<(), RequestError> {
        // A newer reject of a record that is replayed is replayed with it: what is stored now supersedes it.
        let follows = self.spared.contains_key(&id);
        if matches!(self.only, Some(RejectsOf::Id(only)) if only != id && !follows) {
            return Ok(());
        }
        let Some(reject) = self.reject(rows, job, id).await? else { return Ok(()) };
        let group = || group_of(&job.transfer, reject.field.as_ref(), &without_values(&reject.reason));
        if matches!(self.only, Some(RejectsOf::Group(only)) if only != group() && !follows) {
            return Ok(());
        }
        if let Some(fetch) = &reject.fetch {
            let source = ports.applied().await?.uid(Kind::Source, &job.spec.source).unwrap_or(job.uid);
            let delivery = delivery_of(&reject, fetch, ports.environment.now());
            ports.inbox.accept(Accept { source, id: None, transfers: vec![job.uid], delivery }).await?;
            self.passed.push(id);
            self.fetched += 1;
            return Ok(());
        }
        let Some(batch) = batch_of(ports, job, &reject) else {
            self.without_record += 1;
            return Ok(());
        };
        if self.is_outdated(rows, job, &reject, &batch).await? {
            self.outdated += 1;
            return Ok(());
        }
        let keys: Vec<String> = batch.changes.iter().map(|change| hexadecimal(change.key)).collect();
        for change in batch.changes.iter() {
            let key = Some(change.key.to_vec());
            let query = RejectQuery { transfer: Some(job.uid), id: None, key, limit: usize::MAX };
            let others = rows.ledger.rejects(query).await?.into_iter().filter(|(other, _)| *other != id);
            self.spared.extend(others);
        }
        let outcome = rows.destination.commit(batch).await?;
        // A record that was skipped may be wanted once its update type is subscribed to.
        if outcome.rejected == 0 && outcome.skipped == 0 {
            self.passed.push(id);
            self.stored.extend(keys);
        }
        self.tally.add(&outcome);
        Ok(())
    }

    /// Whether the row of a reject was written after it. What is stored later under the key of a reject takes it away; but where
    /// the key could not be read, or rows have other keys now, the row is known only here. Versions tell by themselves which
    /// is newer.
    async fn is_outdated(
        &self,
        rows: &Rows,
        job: &Job,
        reject: &Reject,
        batch: &Batch,
    ) -> Result<bool, RequestError> {
        if matches!(job.place, StorePlace::Files { .. }) {
            return Ok(false);
        }
        for change in batch.changes.iter().filter(|change| change.version.is_empty()) {
            let key = hexadecimal(change.key);
            if self.stored.contains(&key) || reject.key.as_ref() == Some(&key) {
                continue;
            }
            let key = Some(change.key.to_vec());
            let query = RowQuery { incarnation: job.target.incarnation, key, after: None, limit: 1 };
            if rows.ledger.rows(query).await?.iter().any(|row| row.run >= reject.run) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What it has come to, in words.
    fn said(&self) -> String {
        let Tally { fetched, created, updated, deleted, unchanged, skipped, rejected, .. } = &self.tally;
        let mut said = format!(
            "{fetched} replayed: {created} created, {updated} updated, {deleted} deleted, {unchanged} unchanged, \
             {skipped} skipped, {rejected} rejected again"
        );
        for (count, why) in [
            (self.fetched, "wait as deliveries, whose records `raccord watch` asks the service for"),
            (self.without_record, "cannot be replayed: their record was not kept, or could not be read"),
            (
                self.outdated,
                "left as they are: their rows were written after them, under keys that they did not have",
            ),
        ] {
            if count > 0 {
                let _ = write!(said, "; {count} {why}");
            }
        }
        said
    }
}

/// Where a reject stood among those of its page, such as `customers.csv, line 17`: texts and numbers in turn.
fn order(position: &str) -> Vec<(&str, u64)> {
    let (mut parts, mut rest) = (Vec::new(), position);
    while !rest.is_empty() {
        let is_digit = |c: char| c.is_ascii_digit();
        let (text, after) = rest.split_at(rest.find(is_digit).unwrap_or(rest.len()));
        let (number, after) = after.split_at(after.find(|c| !is_digit(c)).unwrap_or(after.len()));
        parts.push((text, number.parse().unwrap_or_default()));
        rest = after;
    }
    parts
}

/// Whether the payload of a reject is the record that could not be mapped or stored: then a field is to blame, or the
/// key is known. Otherwise it is the beginning of what stood where a record was expected, or what a delivery said of
/// one that could not be fetched.
const fn has_record(reject: &Reject) -> bool {
    reject.deletion || reject.field.is_some() || reject.key.is_some()
}

/// A page that holds the one record of a reject.
fn page_of(reject: &Reject) -> Option<Page> {
    let body = Bytes::from(reject.payload.clone()?);
    let spans = std::iter::once(0..body.len()).collect();
    Some(Page {
        records: Records::Json { body, spans },
        parent: reject.parent.clone().map(Bytes::from),
        position: reject.position.clone(),
        ..Page::empty()
    })
}

/// The batch that brings the one record of a reject. Rejected again, it keeps the place where it was met.
fn batch_of(ports: &Ports, job: &Arc<Job>, reject: &Reject) -> Option<Batch> {
    if reject.deletion && reject.payload.is_none() {
        return deletion(ports, job, reject);
    }
    let page = page_of(reject).filter(|_| has_record(reject))?;
    let (run, at) = (RunId(ports.environment.new_id()), ports.environment.now());
    let shows = match (reject.deletion, reject.partial) {
        (true, _) => Shows::Key,
        (false, true) => Shows::Part,
        (false, false) => Shows::Record,
    };
    let arrival = Arrival { position: reject.position.clone(), shows };
    Some(map_arrivals(job, Arc::new(page), vec![arrival], run, at).into_batch(job, run, at))
}

/// The delivery that a reject was, for the record is asked for again: what the service says of it now counts.
fn delivery_of(reject: &Reject, fetch: &Fetch, now: Timestamp) -> Delivery {
    let Fetch { path, record, event } = fetch.clone();
    let kind = DeliveryKind::Fetch { path, record, retry: None };
    let known = reject.payload.clone().unwrap_or_default();
    Delivery { kind, record: known.into(), received: now, event }
}

/// The batch that deletes the row of a reject whose record was not kept: of a row that could not go, its key is enough.
fn deletion(ports: &Ports, job: &Arc<Job>, reject: &Reject) -> Option<Batch> {
    let key = key_of(reject)?;
    let (run, at) = (RunId(ports.environment.new_id()), ports.environment.now());
    let mut batch = map_arrivals(job, Arc::new(Page::empty()), Vec::new(), run, at).into_batch(job, run, at);
    let (patch, version, digest) = (&[][..], &[][..], None);
    batch.changes.push(Change { intent: Intent::Delete, key: &key, patch, version, digest });
    let again = reject.clone();
    batch.refuse = Refuse(Arc::new(move |_, _| again.clone()));
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_of_a_page_are_in_the_order_of_their_records() {
        for (earlier, later) in [
            ("a.csv, line 9", "a.csv, line 10"),
            ("a.csv, line 90", "b.csv, line 3"),
            ("page 2, record 40", "page 10, record 3"),
            ("delivery 7 (x)", "delivery 12"),
        ] {
            assert!(order(earlier) < order(later), "{earlier} {later}");
        }
    }
}
