//! Rejected records: shown, and mapped again after the mapping or the data was mended.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use raccord_model::fact::{Reject, RejectId, RunId, Tally, Uid};
use raccord_model::port::records::{Page, Records};
use raccord_model::port::sink::{Batch, RejectQuery};
use raccord_model::{Kind, Name};

use crate::applied::Applied;
use crate::engine::{Engine, EngineError, Replies};
use crate::request::{RejectView, Reply};
use crate::run::job::Job;
use crate::run::page::{Arrival, map_arrivals};

/// How many rejects are replayed at a time.
const CHUNK: usize = 100_000;

/// Rejects, newest first.
pub async fn list(
    engine: &Engine,
    transfer: Option<&Name>,
    id: Option<RejectId>,
    limit: usize,
    replies: &mut Replies<'_>,
) -> Result<(), EngineError> {
    let applied = Applied::load(&engine.state).await?;
    let names: BTreeMap<Uid, Name> = applied.transfers().map(|(name, uid, _)| (uid, name.clone())).collect();
    let transfer = match transfer {
        Some(name) => Some(
            applied
                .uid(Kind::Transfer, name)
                .ok_or_else(|| EngineError::unknown(Kind::Transfer, name, applied.index.keys()))?,
        ),
        None => None,
    };
    let found = engine.ledger.rejects(RejectQuery { transfer, id, limit }).await?;
    if let (Some(id), true) = (id, found.is_empty()) {
        return Err(EngineError::Unknown {
            kind: "reject",
            name: id.to_string(),
            hint: "; `raccord rejects list` shows them".to_owned(),
        });
    }
    for (id, reject) in found {
        // Rejects of a deleted transfer have no name to show, and nothing to be replayed by.
        if let Some(transfer) = names.get(&reject.transfer).cloned() {
            replies(Reply::Reject(RejectView::new(id, transfer, reject)));
        }
    }
    Ok(())
}

/// Maps the rejects of a transfer again; those that pass are stored and no longer rejects.
pub async fn replay(engine: &Engine, transfer: &Name, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    let job = super::operate::prepare(engine, transfer).await?;
    let query = RejectQuery { transfer: Some(job.uid), id: None, limit: CHUNK };
    let kept = engine.ledger.rejects(query).await?;
    let mut tally = Tally::default();
    let mut replayed = Vec::new();
    let mut without_payload = 0_usize;
    for (id, reject) in kept {
        let Some(batch) = batch_of(engine, &job, &reject) else {
            without_payload += 1;
            continue;
        };
        let outcome = engine.sink.commit(batch).await?;
        // A record that was skipped may be wanted once its update type is subscribed to.
        if outcome.rejected == 0 && outcome.skipped == 0 {
            replayed.push(id);
        }
        tally.add(&outcome);
    }
    // Durable, and with it every commit before.
    engine.ledger.drop_rejects(job.uid, replayed).await?;
    let mut said = format!(
        "{} replayed: {} created, {} updated, {} deleted, {} unchanged, {} skipped, {} rejected again",
        tally.fetched,
        tally.created,
        tally.updated,
        tally.deleted,
        tally.unchanged,
        tally.skipped,
        tally.rejected
    );
    if without_payload > 0 {
        said = format!("{said}; {without_payload} have no payload and cannot be replayed");
    }
    replies(Reply::Done(said));
    Ok(())
}

/// A page that holds the one record of a reject.
fn page_of(reject: &Reject) -> Option<Page> {
    let body = Bytes::from(reject.payload.clone()?);
    let spans = std::iter::once(0..body.len()).collect();
    Some(Page {
        records: Records::Json { body, spans },
        parent: reject.parent.clone().map(Bytes::from),
        faults: Vec::new(),
        position: reject.position.clone(),
        next: None,
    })
}

/// The batch that brings the one record of a reject. Rejected again, it keeps the place where it was met.
fn batch_of(engine: &Engine, job: &Arc<Job>, reject: &Reject) -> Option<Batch> {
    let page = page_of(reject)?;
    let (run, at) = (RunId(engine.environment.new_id()), engine.environment.now());
    let arrival = Arrival { position: reject.position.clone(), is_deletion: reject.deletion };
    Some(map_arrivals(job, page, vec![arrival], run, at).into_batch(job, run, at))
}
