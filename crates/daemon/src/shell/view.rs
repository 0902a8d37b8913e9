//! What `step` is told of the generation in force: a view made from the generation and its facts.
//!
//! The one thing it writes is where the grid of a schedule begins, when that is new.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use raccord_model::canonical::to_bytes;
use raccord_model::clock::is_ahead;
use raccord_model::fact::{Grid, IntegrationFact, Observed, TransferFact, Uid};
use raccord_model::language::{IntegrationSpec, TransferSpec};
use raccord_model::port::state::{Scan, Table};
use raccord_model::{Digest, Name};

use crate::error::DaemonError;
use crate::step::{Readiness, TransferState, View};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::breaker::is_paused;
use raccord_run::facts::{Retries, Revised, Transaction};
use raccord_run::job::{JobError, data_type};

/// The whole view of a generation.
pub(super) async fn view(ports: &Ports, applied: &Applied) -> Result<View, DaemonError> {
    let standings = standings(ports, applied, None).await?;
    Ok(View {
        generation: applied.head.generation,
        limits: applied.desired.stack_settings().limits,
        standings: standings.into_iter().map(|standing| (standing.uid, standing)).collect(),
    })
}

/// The standings of all transfers, or of those that are named.
pub(super) async fn standings(
    ports: &Ports,
    applied: &Applied,
    only: Option<&BTreeSet<Name>>,
) -> Result<Vec<TransferState>, DaemonError> {
    let mut retries = Retries::default();
    loop {
        let mut grids = ports.facts().transaction();
        let (standings, ahead) = look(ports, applied, only, &mut grids).await?;
        // Beside another generation nothing is written: it may know another schedule.
        let is_in_force =
            !grids.is_empty() && ports.state.head().await?.generation == applied.head.generation;
        if !is_in_force || retries.settle(grids.commit().await)? {
            if is_in_force {
                tell_ahead(&ahead);
            }
            return Ok(standings);
        }
    }
}

/// Says of which transfers something was kept that a right clock had not reached.
fn tell_ahead(ahead: &[(Name, Timestamp)]) {
    if let Some((transfer, at)) = ahead.iter().max_by_key(|(_, at)| at) {
        let transfers = ahead.len();
        tracing::warn!(
            transfers,
            %transfer,
            %at,
            "what was kept of schedules lies ahead of the clock, which must have been wrong; they go on as if that had been now"
        );
    }
}

/// The standings as they are now, with the grids that they begin, and whose fact lay ahead of the clock.
async fn look(
    ports: &Ports,
    applied: &Applied,
    only: Option<&BTreeSet<Name>>,
    grids: &mut Transaction,
) -> Result<(Vec<TransferState>, Vec<(Name, Timestamp)>), DaemonError> {
    let now = ports.environment.now();
    let subscribers = subscribers(ports, applied, only).await?;
    let waiting: BTreeSet<Uid> = ports.inbox.waiting_transfers().await?.into_iter().collect();
    let mut known = facts(ports, applied, only).await?;
    let (mut standings, mut ahead) = (Vec::new(), Vec::new());
    for (name, uid, spec) in applied.transfers() {
        if only.is_some_and(|only| !only.contains(name)) {
            continue;
        }
        let (mut fact, revision) =
            known.remove(&uid).map_or_else(Default::default, |known| (known.fact, Some(known.revision)));
        let subscribers = subscribers.get(name).map(Vec::as_slice).unwrap_or_default();
        let readiness = readiness(spec, subscribers, now);
        let is_on = !matches!(readiness, Readiness::Inactive | Readiness::NotSubscribed);
        let mut is_new = lay_grid(&mut fact.observed, spec, is_on, now)?;
        if let Some(at) = set_right(&mut fact.observed, now) {
            ahead.push((name.clone(), at));
            is_new = true;
        }
        // Without a fact it was deleted meanwhile, and must stay fenced.
        if let Some(revision) = revision.filter(|_| is_new) {
            grids.given(Table::Transfers, uid.to_string(), Some(revision));
            grids.put(Table::Transfers, &uid, &fact)?;
        }
        standings.push(TransferState {
            uid,
            name: name.clone(),
            source: spec.source.clone(),
            data_type: data_type(name, spec),
            schedule: spec.schedule.clone(),
            epoch: fact.decided.epoch,
            readiness,
            since: fact.observed.grid.as_ref().map_or(now, |grid| grid.since),
            served: fact.observed.served,
            deliveries: waiting.contains(&uid),
        });
    }
    Ok((standings, ahead))
}

/// The transfers of the same integrations as a transfer: what a trip of one of them concerns.
pub(super) fn beside(applied: &Applied, transfer: &Name) -> BTreeSet<Name> {
    applied
        .integrations()
        .filter(|(_, _, spec)| spec.subscriptions.contains_key(transfer))
        .flat_map(|(_, _, spec)| spec.subscriptions.keys().cloned())
        .collect()
}

/// The transfers that an integration subscribes to.
pub(super) fn subscribed(applied: &Applied, integration: &Name) -> BTreeSet<Name> {
    applied
        .integrations()
        .filter(|(name, ..)| *name == integration)
        .flat_map(|(_, _, spec)| spec.subscriptions.keys().cloned())
        .collect()
}

/// The integrations that the breaker has disabled.
pub(super) async fn tripped(ports: &Ports, applied: &Applied) -> Result<BTreeSet<Name>, DaemonError> {
    let facts = ports.facts().scan::<IntegrationFact>(Table::Integrations, Scan::default()).await?;
    let tripped = facts.into_iter().filter(|(_, fact)| fact.trip.is_some()).map(|(key, _)| key);
    let tripped: BTreeSet<String> = tripped.collect();
    let integrations = applied.integrations().filter(|(_, uid, _)| tripped.contains(&uid.to_string()));
    Ok(integrations.map(|(name, ..)| name.clone()).collect())
}

type Subscriber<'a> = (&'a IntegrationSpec, IntegrationFact);

async fn subscribers<'a>(
    ports: &Ports,
    applied: &'a Applied,
    only: Option<&BTreeSet<Name>>,
) -> Result<BTreeMap<&'a Name, Vec<Subscriber<'a>>>, DaemonError> {
    let facts = ports.facts();
    let mut found: BTreeMap<&Name, Vec<Subscriber<'_>>> = BTreeMap::new();
    let integrations: Vec<_> = applied.integrations().collect();
    for (_, uid, spec) in integrations {
        let is_wanted = |name: &&Name| only.is_none_or(|only| only.contains(*name));
        let wanted: Vec<&Name> = spec.subscriptions.keys().filter(is_wanted).collect();
        if wanted.is_empty() {
            continue;
        }
        let fact = facts.integration(uid).await?;
        for transfer in wanted {
            found.entry(transfer).or_default().push((spec, fact.clone()));
        }
    }
    Ok(found)
}

async fn facts(
    ports: &Ports,
    applied: &Applied,
    only: Option<&BTreeSet<Name>>,
) -> Result<BTreeMap<Uid, Revised<TransferFact>>, DaemonError> {
    let facts = ports.facts();
    let mut found = BTreeMap::new();
    let Some(only) = only else {
        for (key, fact) in facts.scan_revised(Table::Transfers, Scan::default()).await? {
            if let Ok(uid) = key.parse() {
                found.insert(Uid(uid), fact);
            }
        }
        return Ok(found);
    };
    for name in only {
        let Some(uid) = applied.uid(raccord_model::Kind::Transfer, name) else { continue };
        if let Some(fact) = facts.get_revised(Table::Transfers, &uid.to_string()).await? {
            found.insert(uid, fact);
        }
    }
    Ok(found)
}

/// Whether a transfer may run, and if not, why.
fn readiness(spec: &TransferSpec, subscribers: &[Subscriber<'_>], now: Timestamp) -> Readiness {
    if !spec.active {
        return Readiness::Inactive;
    }
    if subscribers.is_empty() {
        return Readiness::NotSubscribed;
    }
    let active: Vec<&IntegrationFact> =
        subscribers.iter().filter(|(spec, _)| spec.active).map(|(_, fact)| fact).collect();
    if active.is_empty() {
        return Readiness::Inactive;
    }
    let mut closed = active.into_iter().filter(|fact| fact.trip.is_none()).peekable();
    if closed.peek().is_none() {
        return Readiness::Tripped;
    }
    let mut first_end: Option<Timestamp> = None;
    for fact in closed {
        if !is_paused(fact, now) {
            return Readiness::Ready;
        }
        let until = fact.pause.as_ref().and_then(|pause| pause.until);
        first_end = match (first_end, until) {
            (Some(end), Some(until)) => Some(end.min(until)),
            (end, until) => end.or(until),
        };
    }
    Readiness::Paused { until: first_end }
}

/// What a clock that was ahead has left counts as if it had been now: a right clock would not reach it. Returns the latest time
/// of it.
fn set_right(fact: &mut Observed, now: Timestamp) -> Option<Timestamp> {
    let since = fact.grid.as_mut().map(|grid| &mut grid.since);
    let times = [since, fact.served.as_mut()].into_iter().flatten();
    let ahead = times.filter(|time| is_ahead(**time, now));
    ahead.map(|time| std::mem::replace(time, now)).max()
}

/// Begins the grid of a schedule that is new or newly activated, and ends it where there is none. Says whether
/// the fact changed.
fn lay_grid(
    fact: &mut Observed,
    spec: &TransferSpec,
    is_on: bool,
    now: Timestamp,
) -> Result<bool, DaemonError> {
    let schedule = spec.schedule.as_ref().filter(|_| is_on);
    let digest = match schedule {
        Some(schedule) => Some(Digest::of(&to_bytes(schedule).map_err(JobError::from)?)),
        None => None,
    };
    if fact.grid.as_ref().map(|grid| grid.schedule) == digest {
        return Ok(false);
    }
    fact.grid = digest.map(|schedule| Grid { schedule, since: now });
    fact.served = None;
    Ok(true)
}
