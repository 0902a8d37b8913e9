//! What a person does to what runs: pause, resume, resync. Facts only; no apply reverts them.

use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::checkpoint::{CHECKPOINT_VERSION, Checkpoint, Cursor};
use raccord_model::fact::{NoticeAbout, Pause, RunId, Uid};
use raccord_model::port::sink::{Batch, Fence};
use raccord_model::port::state::Table;
use raccord_model::{Kind, Name};

use crate::dispatch::{Replies, RequestError};
use crate::request::Reply;
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::breaker;
use raccord_run::facts::put;
use raccord_run::job::{self, Job};
use raccord_run::notice::{News, outbox};
use raccord_run::page::checkpoint_only;

/// Lets an integration stand still.
pub async fn pause(
    ports: &Ports,
    name: &Name,
    until: Option<Timestamp>,
    reason: Option<String>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let uid = integration(ports, name).await?;
    let mut fact = ports.facts().integration(uid).await?;
    fact.pause = Some(Pause { at: ports.environment.now(), until, reason });
    ports.facts().commit(vec![put(Table::Integrations, &uid, &fact)?]).await?;
    let until = until.map_or_else(|| "it is resumed".to_owned(), |until| format!("{until:.0}"));
    replies(Reply::Done(format!("{name} is paused until {until}")));
    Ok(())
}

/// Starts an integration again after a pause or a trip.
pub async fn resume(
    ports: &Ports,
    name: &Name,
    by: Option<String>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let applied = Applied::load(&ports.state).await?;
    let uid = applied
        .uid(Kind::Integration, name)
        .ok_or_else(|| RequestError::unknown(Kind::Integration, name, applied.index.keys()))?;
    let facts = ports.facts();
    let fact = facts.integration(uid).await?;
    let said = match (&fact.trip, &fact.pause) {
        (Some(trip), _) => format!("{name} is resumed; it was disabled since {:.0}: {}", trip.at, trip.cause),
        (None, Some(_)) => format!("{name} is resumed; it was paused"),
        (None, None) => format!("{name} was neither disabled nor paused"),
    };
    let news = fact.trip.clone().map(|trip| News {
        about: NoticeAbout::Resumed { integration: name.clone(), by, trip },
        of: vec![uid],
    });
    let mut writes = vec![put(Table::Integrations, &uid, &breaker::resume(fact))?];
    writes.extend(outbox::writes(ports, Vec::from_iter(news)).await?);
    for (subscribed, _) in subscriptions(&applied, name) {
        if let Some(transfer) = applied.uid(Kind::Transfer, &subscribed) {
            let mut fact = facts.transfer(transfer).await?;
            // Otherwise the next failure alone would disable it again.
            fact.consecutive_failures = 0;
            writes.push(put(Table::Transfers, &transfer, &fact)?);
        }
    }
    facts.commit(writes).await?;
    replies(Reply::Done(said));
    Ok(())
}

/// Reads everything of a transfer again on its next run, or from a point on.
pub async fn resync(
    ports: &Ports,
    transfer: &Name,
    since: Option<&str>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let job = prepare(ports, transfer).await?;
    // A point that makes no sense must be refused before anything is reset.
    let cursor = since.map(|since| point(&job, since)).transpose()?;
    let mut fact = job.fact.clone();
    fact.epoch += 1;
    fact.reset = fact.epoch;
    let epoch = fact.epoch;
    ports.facts().commit(vec![put(Table::Transfers, &job.uid, &fact)?]).await?;
    let (Some(since), Some(cursor)) = (since, cursor) else {
        replies(Reply::Done(format!("the next run of {transfer} reads everything again")));
        return Ok(());
    };
    let checkpoint = Checkpoint {
        version: CHECKPOINT_VERSION,
        fingerprint: job.fingerprint,
        epoch,
        since: job.stream.has_parent().then(|| cursor.clone()),
        cursor: Some(cursor),
        window: None,
        snapshot_at: None,
    };
    let (run, at) = (RunId(ports.environment.new_id()), ports.environment.now());
    let batch = checkpoint_only(&job, checkpoint, run, at);
    ports.sink.commit(Batch { fence: Fence { epoch, ..job.fence }, ..batch }).await?;
    replies(Reply::Done(format!("the next run of {transfer} reads from {since} on")));
    Ok(())
}

/// A value of the incremental field, as a person wrote it.
fn point(job: &Job, since: &str) -> Result<Cursor, RequestError> {
    let cursor = job.stream.cursor().ok_or_else(|| {
        let name = &job.transfer;
        RequestError::Invalid(format!("`{name}` reads everything every time: its source is not incremental"))
    })?;
    cursor.point(since).ok_or_else(|| {
        let what = match cursor.token() {
            None => "a value of the incremental field",
            Some(token) if token.is_url() => "a URL that the service has given",
            Some(_) => "a token of the service",
        };
        RequestError::Invalid(format!("`{since}` is not {what}"))
    })
}

/// A transfer of the generation in force, made ready whether or not anything subscribes to it.
pub async fn prepare(ports: &Ports, transfer: &Name) -> Result<Arc<Job>, RequestError> {
    let applied = Applied::load(&ports.state).await?;
    let unknown = || RequestError::unknown(Kind::Transfer, transfer, applied.index.keys());
    let uid = applied.uid(Kind::Transfer, transfer).ok_or_else(unknown)?;
    let to = applied.desired.transfer(transfer).ok_or_else(unknown)?.to.clone();
    let facts = ports.facts();
    let fact = facts.transfer(uid).await?;
    let (_, entity) = raccord_run::entity::entity(&facts, &applied, &to).await?;
    let selection = raccord_run::select::subscribers(&applied, transfer);
    Ok(Arc::new(job::prepare(&applied, transfer, fact, &entity, selection)?))
}

async fn integration(ports: &Ports, name: &Name) -> Result<Uid, RequestError> {
    let index = ports.state.index().await?;
    let key = raccord_model::Key::new(Kind::Integration, name.clone());
    index
        .get(&key)
        .map(|entry| entry.uid)
        .ok_or_else(|| RequestError::unknown(Kind::Integration, name, index.keys()))
}

/// The transfers an integration subscribes to, and the update types.
pub fn subscriptions(applied: &Applied, integration: &Name) -> Vec<(Name, raccord_model::fact::Updates)> {
    let spec = applied.integrations().find(|(name, ..)| *name == integration);
    spec.into_iter()
        .flat_map(|(_, _, spec)| &spec.subscriptions)
        .map(|(transfer, subscription)| {
            let updates = subscription.inline().map(|subscription| subscription.updates.clone());
            (transfer.clone(), updates.unwrap_or_default())
        })
        .collect()
}
