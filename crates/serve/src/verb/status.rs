//! How everything stands: what YAML wants beside what happened.

mod kept;
mod some;
mod wait;

pub(super) use kept::of as kept_of;
pub use kept::waiting;
pub use some::{held, part, some};

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_compiler::connector::{self, reading};
use raccord_model::checkpoint::SourceState;
use raccord_model::fact::{IntegrationFact, Run, RunId, TransferFact};
use raccord_model::language::integration::AlertEntry;
use raccord_model::language::{ByNameOrInline, IntegrationSpec, TransferSpec};
use raccord_model::port::authorization::{Agreement, Standing as AuthorizationStanding};
use raccord_model::port::destination::Kept;
use raccord_model::{Desired, Kind, Name};

use super::standing::{Known, standing};
use crate::reply::{Replies, RequestError};
use crate::request::{IntegrationState, IntegrationStatus, Reply, Standing, Status, TransferStatus};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::breaker::is_paused;
use raccord_run::moment::Moment;
use raccord_run::notice::outbox;
use raccord_run::select;

/// How everything stands, at one moment of the state, and beside it at one of the destination.
pub async fn status(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let moment = Moment::read(ports).await?;
    let applied = &moment.applied;
    let now = ports.environment.now();
    let integrations: Vec<_> = applied
        .integrations()
        .map(|(name, uid, spec)| integration(name, spec, moment.integration(uid), now))
        .collect();
    let (mut kept, unseen) = kept::look(ports, &moment).await?;
    let (authorizations, mut notes) = super::authorize::standings(ports, &applied.desired).await;
    let around = Around::new(applied, &integrations, &authorizations);
    let transfers = applied.transfers().map(|(name, uid, spec)| {
        let run = |id: RunId| moment.run(id).cloned();
        transfer(applied, (name, spec), (moment.transfer(uid), kept.remove(&uid)), &around, run)
    });
    let mut transfers: Vec<TransferStatus> = transfers.collect();
    wait::count(ports, applied, &mut transfers).await?;
    notes.extend(wait::going_on(&integrations));
    notes.extend(select::unwanted(applied));
    notes.extend(unseen);
    notes.extend(waiting(applied, &moment.steps));
    let head = applied.head.clone();
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
        left_out: 0,
        daemon: None,
    })));
    Ok(())
}

fn integration(
    name: &Name,
    spec: &IntegrationSpec,
    fact: IntegrationFact,
    now: Timestamp,
) -> IntegrationStatus {
    let state = state_of(spec.active, &fact, now);
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
        subscriptions: super::operate::subscribed(spec),
        alerts: alerts.collect(),
    }
}

/// What an integration is doing that its YAML activates, or does not.
pub fn state_of(active: bool, fact: &IntegrationFact, now: Timestamp) -> IntegrationState {
    if fact.trip.is_some() {
        IntegrationState::Tripped
    } else if !active {
        IntegrationState::Inactive
    } else if is_paused(fact, now) {
        IntegrationState::Paused
    } else {
        IntegrationState::Active
    }
}

/// What the standing of transfers follows from, beside their own facts.
struct Around<'a> {
    wanted_by: BTreeMap<&'a Name, Vec<IntegrationState>>,
    agreements: BTreeMap<&'a Name, Agreement>,
    desired: &'a Desired,
}

impl<'a> Around<'a> {
    fn new(
        applied: &'a Applied,
        integrations: &'a [IntegrationStatus],
        authorizations: &'a [AuthorizationStanding],
    ) -> Self {
        let mut wanted_by: BTreeMap<&Name, Vec<IntegrationState>> = BTreeMap::new();
        for integration in integrations {
            for (transfer, _) in &integration.subscriptions {
                wanted_by.entry(transfer).or_default().push(integration.state);
            }
        }
        let agreements = authorizations.iter().map(|known| (&known.name, known.state)).collect();
        Self { wanted_by, agreements, desired: &applied.desired }
    }

    fn standing(&self, name: &Name, known: Known<'_>, source: &Name) -> Standing {
        let agreement = authorization_of(self.desired, source);
        let agreement = agreement.and_then(|name| self.agreements.get(name)).copied();
        let wanted_by = self.wanted_by.get(name).into_iter().flatten().copied();
        standing(&Known { agreement, ..known }, wanted_by)
    }
}

/// The Authorization of a source, when it has one of its own name.
fn authorization_of<'d>(desired: &'d Desired, source: &Name) -> Option<&'d Name> {
    desired.source(source)?.authorization.as_ref().and_then(ByNameOrInline::name)
}

fn transfer(
    applied: &Applied,
    (name, spec): (&Name, &TransferSpec),
    (fact, kept): (TransferFact, Option<Kept>),
    around: &Around<'_>,
    run: impl Fn(RunId) -> Option<Run>,
) -> TransferStatus {
    let TransferFact { decided, observed } = fact;
    let (rows, rejects) = (kept.as_ref().map(|kept| kept.rows), kept.as_ref().map(|kept| kept.rejects));
    let checkpoint = kept.and_then(|kept| kept.checkpoint);
    let checkpoint = checkpoint.filter(|checkpoint| checkpoint.epoch >= decided.reset);
    let last_run = observed.last_run.and_then(&run);
    let known = Known {
        active: spec.active,
        running: false,
        outcome: last_run.as_ref().map(|run| &run.outcome),
        deliveries_held: observed.deliveries_held.is_some(),
        agreement: None,
    };
    TransferStatus {
        standing: around.standing(name, known, &spec.source),
        name: name.clone(),
        source: spec.source.clone(),
        to: spec.to.clone(),
        active: spec.active,
        cursor: checkpoint.and_then(|checkpoint| left_off(applied, spec, &checkpoint.state?)),
        last_run,
        deliveries_held: observed.deliveries_held.and_then(|held| run(held.run)),
        unseen: observed.unseen,
        last_success: observed.last_success,
        next_run: None,
        running: None,
        consecutive_failures: observed.consecutive_failures,
        deliveries: 0,
        rows,
        rejects,
    }
}

/// How far the source of a transfer was read, in words.
fn left_off(applied: &Applied, spec: &TransferSpec, state: &SourceState) -> Option<String> {
    reading::describe(state, |own| connector::describe(&applied.desired.source(&spec.source)?.settings, own))
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
