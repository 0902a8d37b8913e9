//! How everything stands: what YAML wants beside what happened.

mod kept;

pub use kept::waiting;
pub(super) use kept::{OwnRows, of as kept_of};

use jiff::Timestamp;
use raccord_compiler::connector::reading;
use raccord_model::checkpoint::SourceState;
use raccord_model::fact::{IntegrationFact, RunId, TransferFact, Uid};
use raccord_model::language::integration::AlertEntry;
use raccord_model::language::{IntegrationSpec, TransferSpec};
use raccord_model::port::destination::Kept;
use raccord_model::{Kind, Name};

use crate::reply::{Replies, RequestError};
use crate::request::{IntegrationState, IntegrationStatus, Reply, Status, TransferStatus};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::breaker::is_paused;
use raccord_run::job;
use raccord_run::moment::Moment;
use raccord_run::notice::outbox;
use raccord_run::select;

/// How everything stands, at one moment of the state, and beside it at one of the destination.
pub async fn status(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let moment = Moment::read(&ports.state).await?;
    let applied = &moment.applied;
    let mut integrations = Vec::new();
    for (name, uid, spec) in applied.integrations() {
        integrations.push(integration(ports, applied, name, spec, moment.integration(uid)));
    }
    let (mut kept, unseen) = kept::look(ports, &moment).await?;
    let transfers = applied.transfers();
    let transfers =
        transfers.map(|(name, uid, spec)| transfer(&moment, (name, uid, spec), kept.remove(&uid)));
    let transfers = transfers.collect();
    let head = applied.head.clone();
    let (authorizations, mut notes) = super::authorize::standings(ports, applied).await;
    notes.extend(select::unwanted(applied));
    notes.extend(unseen);
    notes.extend(waiting(&moment));
    replies(Reply::Status(Box::new(Status {
        stack: head.stack,
        generation: head.generation,
        serial: head.serial,
        integrations,
        transfers,
        authorizations,
        steps: moment.steps.len(),
        outbox: moment.notices.len(),
        outbox_error: outbox::last_error(&moment.notices),
        notes,
        daemon: None,
    })));
    Ok(())
}

fn integration(
    ports: &Ports,
    applied: &Applied,
    name: &Name,
    spec: &IntegrationSpec,
    fact: IntegrationFact,
) -> IntegrationStatus {
    let state = state_of(spec, &fact, ports.environment.now());
    let alerts = spec.alerts.iter().flat_map(|alert| match alert {
        AlertEntry::ByName(name) => vec![name.to_string()],
        AlertEntry::Inline(alert) => {
            raccord_run::notice::channels(alert).map(|channel| channel.to_string()).collect()
        }
    });
    IntegrationStatus {
        name: name.clone(),
        state,
        trip: fact.trip,
        pause: fact.pause,
        subscriptions: super::operate::subscriptions(applied, name),
        alerts: alerts.collect(),
    }
}

/// What an integration is doing.
pub fn state_of(spec: &IntegrationSpec, fact: &IntegrationFact, now: Timestamp) -> IntegrationState {
    if fact.trip.is_some() {
        IntegrationState::Tripped
    } else if !spec.active {
        IntegrationState::Inactive
    } else if is_paused(fact, now) {
        IntegrationState::Paused
    } else {
        IntegrationState::Active
    }
}

fn transfer(
    moment: &Moment,
    (name, uid, spec): (&Name, Uid, &TransferSpec),
    kept: Option<Kept>,
) -> TransferStatus {
    let TransferFact { decided, observed } = moment.transfer(uid);
    let (rows, rejects) = (kept.as_ref().map(|kept| kept.rows), kept.as_ref().map(|kept| kept.rejects));
    let checkpoint = kept.and_then(|kept| kept.checkpoint);
    let checkpoint = checkpoint.filter(|checkpoint| checkpoint.epoch >= decided.reset);
    let run = |id: RunId| moment.run(id).cloned();
    TransferStatus {
        name: name.clone(),
        source: spec.source.clone(),
        to: spec.to.clone(),
        active: spec.active,
        cursor: checkpoint.and_then(|checkpoint| left_off(moment, (name, spec), &checkpoint.state?)),
        last_run: observed.last_run.and_then(run),
        deliveries_held: observed.deliveries_held.and_then(|held| run(held.run)),
        unseen: observed.unseen,
        last_success: observed.last_success,
        next_run: None,
        running: None,
        consecutive_failures: observed.consecutive_failures,
        rows,
        rejects,
    }
}

/// How far the source of a transfer was read, in words.
fn left_off(moment: &Moment, (name, spec): (&Name, &TransferSpec), state: &SourceState) -> Option<String> {
    reading::describe(state, |own| {
        let source = moment.applied.desired.source(&spec.source)?;
        job::compile_stream(name, spec, source).ok()?.describe(own)
    })
}

/// Runs, newest first.
pub async fn runs(
    ports: &Ports,
    transfer: Option<&Name>,
    limit: usize,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let uid = match transfer {
        Some(name) => Some(super::operate::uid(ports, Kind::Transfer, name).await?),
        None => None,
    };
    let runs = match uid {
        Some(uid) => ports.facts().runs_of(uid, limit).await?,
        None => ports.facts().runs(limit).await?,
    };
    for run in runs {
        replies(Reply::Run(run));
    }
    Ok(())
}
