//! What a person does to what runs: pause, resume, resync. Facts only; no apply reverts them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use raccord_compiler::connector::reading::Progress;
use raccord_model::checkpoint::Cursor;
use raccord_model::fact::{Decided, IntegrationFact, NoticeAbout, Pause, RunId, TransferFact, Uid};
use raccord_model::language::IntegrationSpec;
use raccord_model::port::destination::{Batch, DestinationError, Fence, RaisedFence, ResumePoint};
use raccord_model::port::state::Table;
use raccord_model::{Kind, Name};

use crate::reply::{Replies, RequestError};
use crate::request::Reply;
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::breaker;
use raccord_run::facts::{Retries, Transaction};
use raccord_run::job::{self, Job};
use raccord_run::lease::TransferLease;
use raccord_run::notice::{News, outbox};
use raccord_run::page::checkpoint_only;
use raccord_run::window::Underway;

/// How long a person who asks for something waits for the run that is under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets an integration stand still.
pub async fn pause(
    ports: &Ports,
    name: &Name,
    until: Option<Timestamp>,
    reason: Option<String>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let applied = ports.applied().await?;
    let uid = applied
        .uid(Kind::Integration, name)
        .ok_or_else(|| RequestError::unknown(Kind::Integration, name, applied.index.keys()))?;
    let pause = Pause { at: ports.environment.now(), until, reason };
    let paused = |fact: Option<IntegrationFact>| IntegrationFact {
        pause: Some(pause.clone()),
        ..fact.unwrap_or_default()
    };
    ports.facts().update(Table::Integrations, &uid.to_string(), paused).await?;
    let until = until.map_or_else(|| "it is resumed".to_owned(), |until| format!("{until:.0}"));
    let going_on = going_on(ports, &applied, name).await?;
    replies(Reply::Done(format!("{name} is paused until {until}{going_on}")));
    Ok(())
}

/// What runs all the same of an integration that is paused, in words: what others subscribe to that are not.
async fn going_on(ports: &Ports, applied: &Applied, paused: &Name) -> Result<String, RequestError> {
    let Some((_, spec)) = applied.integration(paused) else { return Ok(String::new()) };
    let (facts, now) = (ports.facts(), ports.environment.now());
    let mut told = Vec::new();
    for (other, uid, other_spec) in applied.integrations().filter(|(name, ..)| *name != paused) {
        let shared: Vec<&Name> =
            spec.subscriptions.keys().filter(|name| other_spec.subscriptions.contains_key(*name)).collect();
        if shared.is_empty() || !other_spec.active {
            continue;
        }
        let fact = facts.integration(uid).await?;
        if fact.trip.is_none() && !breaker::is_paused(&fact, now) {
            told.extend(
                shared.into_iter().map(|transfer| format!("`{transfer}`, to which `{other}` subscribes too")),
            );
        }
    }
    Ok(if told.is_empty() { String::new() } else { format!("; what goes on: {}", told.join(", ")) })
}

/// Starts an integration again after a pause or a trip.
pub async fn resume(
    ports: &Ports,
    name: &Name,
    by: Option<String>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let applied = ports.applied().await?;
    let uid = applied
        .uid(Kind::Integration, name)
        .ok_or_else(|| RequestError::unknown(Kind::Integration, name, applied.index.keys()))?;
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().transaction();
        let known = transaction.get::<IntegrationFact>(Table::Integrations, &uid.to_string()).await?;
        let fact = known.unwrap_or_default();
        let said = said(name, &fact);
        let news = fact.trip.clone().map(|trip| News {
            about: NoticeAbout::Resumed { integration: name.clone(), by: by.clone(), trip },
            of: vec![uid],
        });
        transaction.put(Table::Integrations, &uid, &breaker::resume(fact))?;
        transaction.extend(outbox::writes(ports, Vec::from_iter(news)).await?);
        forgive(&mut transaction, &applied, name).await?;
        if retries.settle(transaction.commit().await)? {
            replies(Reply::Done(said));
            return Ok(());
        }
    }
}

/// What resuming an integration does, in words.
fn said(name: &Name, fact: &IntegrationFact) -> String {
    match (&fact.trip, &fact.pause) {
        (Some(trip), _) => format!("{name} is resumed; it was disabled since {:.0}: {}", trip.at, trip.cause),
        (None, Some(_)) => format!("{name} is resumed; it was paused"),
        (None, None) => format!("{name} was neither disabled nor paused"),
    }
}

/// Forgets the failures of the transfers of an integration: otherwise the next one alone would disable it again.
async fn forgive(
    transaction: &mut Transaction,
    applied: &Applied,
    integration: &Name,
) -> Result<(), RequestError> {
    for (subscribed, _) in subscriptions(applied, integration) {
        let Some(uid) = applied.uid(Kind::Transfer, &subscribed) else { continue };
        let known = transaction.get::<TransferFact>(Table::Transfers, &uid.to_string()).await?;
        // Without a fact it was deleted meanwhile, and must stay fenced.
        if let Some(mut fact) = known {
            fact.observed.consecutive_failures = 0;
            transaction.put(Table::Transfers, &uid, &fact)?;
        }
    }
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
    // What is under way is given up: a run that reads under the old epoch would be refused anyway.
    let mut lease = TransferLease::take_over(ports, job.uid, "raccord resync", 0).await?;
    let mut epoch = reset(ports, (transfer, job.uid), 0).await?;
    let fence =
        |epoch, lease: &TransferLease| Fence { epoch, reset: epoch, lease: lease.token(), ..job.fence };
    if let Some(seen) = seen_elsewhere(&job, ports, fence(epoch, &lease)).await? {
        lease = TransferLease::take_over(ports, job.uid, "raccord resync", seen.lease).await?;
        epoch = reset(ports, (transfer, job.uid), seen.epoch).await?;
    }
    if let Some(cursor) = cursor {
        begin_from(ports, (&job, fence(epoch, &lease)), cursor).await?;
    }
    lease.release().await?;
    replies(Reply::Done(match since {
        None => format!("the next run of {transfer} reads everything again"),
        Some(since) => format!("the next run of {transfer} reads from {since} on"),
    }));
    Ok(())
}

/// What the destination of a transfer has seen beyond a fence, which is the newest that the state knows: the state was restored from
/// an older backup then. Nothing where it has seen no more, or is not there: the next run will tell.
async fn seen_elsewhere(job: &Job, ports: &Ports, fence: Fence) -> Result<Option<RaisedFence>, RequestError> {
    let Ok(rows) = job.rows(ports) else { return Ok(None) };
    let mut seen = RaisedFence { epoch: 0, lease: 0 };
    loop {
        let above = Fence { epoch: fence.epoch.max(seen.epoch), lease: fence.lease.max(seen.lease), ..fence };
        match rows.destination.raise_fence(job.uid, above).await {
            Err(DestinationError::Fenced { found: Some(found), .. }) => seen.epoch = found,
            Err(DestinationError::LeaseLost { found, .. }) => seen.lease = found,
            Err(error @ DestinationError::Fenced { found: None, .. }) => return Err(error.into()),
            // A checkpoint of an epoch that is new here was kept before the state was restored.
            Ok(ResumePoint { checkpoint: Some(checkpoint), .. }) if checkpoint.epoch >= above.epoch => {
                seen.epoch = checkpoint.epoch;
                break;
            }
            Ok(_) | Err(_) => break,
        }
    }
    Ok((seen.epoch > 0 || seen.lease > 0).then_some(seen))
}

/// Makes the checkpoint of a transfer void, and fences what is under way. Returns the epoch from now on, which is greater
/// than `above`.
async fn reset(ports: &Ports, (transfer, uid): (&Name, Uid), above: u64) -> Result<u64, RequestError> {
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().transaction();
        let known = transaction.get::<TransferFact>(Table::Transfers, &uid.to_string()).await?;
        // Without a fact it was deleted meanwhile, and must stay fenced.
        let Some(TransferFact { decided, observed }) = known else {
            return Err(RequestError::unknown(Kind::Transfer, transfer, ports.state.index().await?.keys()));
        };
        let epoch = decided.epoch.max(above) + 1;
        let fact = TransferFact { decided: Decided { epoch, reset: epoch }, observed };
        transaction.put(Table::Transfers, &uid, &fact)?;
        if retries.settle(transaction.commit().await)? {
            return Ok(epoch);
        }
    }
}

/// Has the next run of a transfer read from a point on.
async fn begin_from(
    ports: &Ports,
    (job, fence): (&Arc<Job>, Fence),
    cursor: Cursor,
) -> Result<(), RequestError> {
    let progress = Progress::from_point(cursor, job.stream.rules());
    let checkpoint = Underway::new(job.fingerprint, fence.epoch, progress).sealed();
    let destination = job.rows(ports)?.destination;
    destination.raise_fence(job.uid, fence).await?;
    let (run, at) = (RunId(ports.environment.new_id()), ports.environment.now());
    let batch = checkpoint_only(job, checkpoint, run, at);
    destination.commit(Batch { fence, ..batch }).await?;
    Ok(())
}

/// A value of the incremental field, as a person wrote it.
fn point(job: &Job, since: &str) -> Result<Cursor, RequestError> {
    let cursor = job.stream.cursor().ok_or_else(|| {
        let (name, rules) = (&job.transfer, job.stream.rules());
        RequestError::Invalid(if rules.is_incremental() {
            format!(
                "`{name}` goes on from what its source says that it has read, in which no point can be named"
            )
        } else {
            format!("`{name}` reads everything every time: its source is not incremental")
        })
    })?;
    cursor.point(since).ok_or_else(|| RequestError::Invalid(format!("`{since}` is not {}", cursor.expects())))
}

/// A transfer of the generation in force, made ready whether or not anything subscribes to it; under no lease, so that
/// nothing is stored by it.
pub async fn prepare(ports: &Ports, transfer: &Name) -> Result<Arc<Job>, RequestError> {
    Ok(Arc::new(job(ports, transfer).await?))
}

/// A transfer, made ready and worked on under a lease: what is stored by it from now on is refused once another holder has
/// that lease.
pub async fn prepare_under(
    ports: &Ports,
    transfer: &Name,
    lease: &TransferLease,
) -> Result<Arc<Job>, RequestError> {
    let job = job(ports, transfer).await?.under(lease);
    job.rows(ports)?.destination.raise_fence(job.uid, job.fence).await?;
    Ok(Arc::new(job))
}

/// The lease of a transfer, for a named holder; refused when a run goes on for longer than an operator waits.
pub async fn lease(
    ports: &Ports,
    (transfer, uid): (&Name, Uid),
    holder: &str,
) -> Result<TransferLease, RequestError> {
    TransferLease::wait_for(ports, uid, holder, PATIENCE).await?.ok_or_else(|| {
        RequestError::Invalid(format!("a run of `{transfer}` is under way: try again when it has ended"))
    })
}

async fn job(ports: &Ports, transfer: &Name) -> Result<Job, RequestError> {
    let applied = ports.applied().await?;
    let unknown = || RequestError::unknown(Kind::Transfer, transfer, applied.index.keys());
    let uid = applied.uid(Kind::Transfer, transfer).ok_or_else(unknown)?;
    let to = applied.desired.transfer(transfer).ok_or_else(unknown)?.to.clone();
    let facts = ports.facts();
    let fact = facts.transfer(uid).await?;
    let (_, entity) = raccord_run::entity::entity(&facts, &applied, &to).await?;
    let selection = raccord_run::select::subscribers(&applied, transfer);
    Ok(job::prepare(&applied, transfer, fact, &entity, selection)?)
}

/// The identity of a resource of the generation in force.
pub async fn uid(ports: &Ports, kind: Kind, name: &Name) -> Result<Uid, RequestError> {
    let applied = ports.applied().await?;
    applied.uid(kind, name).ok_or_else(|| RequestError::unknown(kind, name, applied.index.keys()))
}

/// The transfers an integration subscribes to, and the update types.
pub fn subscriptions(applied: &Applied, integration: &Name) -> Vec<(Name, raccord_model::fact::Updates)> {
    applied.integration(integration).map(|(_, spec)| subscribed(spec)).unwrap_or_default()
}

/// The transfers that an integration wants, and the update types.
pub fn subscribed(spec: &IntegrationSpec) -> Vec<(Name, raccord_model::fact::Updates)> {
    let updates = spec.subscriptions.iter().map(|(transfer, subscription)| {
        let updates = subscription.inline().map(|subscription| subscription.updates.clone());
        (transfer.clone(), updates.unwrap_or_default())
    });
    updates.collect()
}
