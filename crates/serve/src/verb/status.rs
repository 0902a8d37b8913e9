//! How everything stands: what YAML wants beside what happened.

use raccord_model::fact::{IntegrationFact, StepFact};
use raccord_model::language::integration::AlertEntry;
use raccord_model::language::{IntegrationSpec, TransferSpec};
use raccord_model::port::state::{Scan, Table};
use raccord_model::{Kind, Name, fact::Uid};

use crate::dispatch::{Replies, RequestError};
use crate::request::{IntegrationState, IntegrationStatus, Reply, Status, TransferStatus};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::breaker::is_paused;
use raccord_run::notice::outbox;
use raccord_run::select;

/// How everything stands.
pub async fn status(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let applied = Applied::load(&ports.state).await?;
    let facts = ports.facts();
    let mut integrations = Vec::new();
    for (name, uid, spec) in applied.integrations() {
        integrations.push(integration(ports, &applied, name, spec, facts.integration(uid).await?));
    }
    let mut transfers = Vec::new();
    for (name, uid, spec) in applied.transfers() {
        transfers.push(transfer(ports, &applied, name, uid, spec).await?);
    }
    let steps = facts.scan::<StepFact>(Table::Steps, Scan::default()).await?.len();
    let waiting = outbox::waiting(&facts).await?;
    let notes = select::unwanted(&applied);
    let Applied { head, .. } = applied;
    replies(Reply::Status(Box::new(Status {
        stack: head.stack,
        generation: head.generation,
        serial: head.serial,
        integrations,
        transfers,
        steps,
        outbox: waiting.len(),
        outbox_error: outbox::last_error(&waiting),
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
    let state = if fact.trip.is_some() {
        IntegrationState::Tripped
    } else if !spec.active {
        IntegrationState::Inactive
    } else if is_paused(&fact, ports.environment.now()) {
        IntegrationState::Paused
    } else {
        IntegrationState::Active
    };
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

async fn transfer(
    ports: &Ports,
    applied: &Applied,
    name: &Name,
    uid: Uid,
    spec: &TransferSpec,
) -> Result<TransferStatus, RequestError> {
    let facts = ports.facts();
    let fact = facts.transfer(uid).await?;
    let checkpoint = ports.sink.resume(uid).await?.filter(|checkpoint| checkpoint.epoch >= fact.reset);
    let (_, entity) = raccord_run::entity::entity(&facts, applied, &spec.to).await?;
    let last_run = match fact.last_run {
        Some(id) => facts.run(id).await?,
        None => None,
    };
    let deliveries_held = match fact.deliveries_held {
        Some(held) => facts.run(held.run).await?,
        None => None,
    };
    Ok(TransferStatus {
        name: name.clone(),
        source: spec.source.clone(),
        to: spec.to.clone(),
        active: spec.active,
        cursor: checkpoint.and_then(|checkpoint| checkpoint.cursor).map(|cursor| cursor.to_string()),
        last_run,
        deliveries_held,
        unseen: fact.unseen,
        last_success: fact.last_success,
        next_run: None,
        consecutive_failures: fact.consecutive_failures,
        rows: ports.ledger.count_owned(entity.incarnation, uid).await?,
        rejects: ports.ledger.count_rejects(uid).await?,
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
        Some(name) => {
            let index = ports.state.index().await?;
            let key = raccord_model::Key::new(Kind::Transfer, name.clone());
            Some(
                index
                    .get(&key)
                    .map(|entry| entry.uid)
                    .ok_or_else(|| RequestError::unknown(Kind::Transfer, name, index.keys()))?,
            )
        }
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
