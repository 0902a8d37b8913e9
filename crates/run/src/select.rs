//! Which transfers run: those that are active, wanted by an active integration that is neither disabled nor
//! paused. What does not run is told with its reason.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use raccord_model::fact::{IntegrationFact, RunOutcome, Uid, Updates};
use raccord_model::language::IntegrationSpec;
use raccord_model::{Kind, Name};

use super::breaker::is_paused;
use super::job::Subscriber;
use crate::applied::Applied;
use crate::facts::Facts;
use crate::ports::{Ports, RunnerError};
use crate::report::RunReport;
use crate::unknown::Unknown;

/// Which transfers run.
#[derive(Debug, Default)]
pub struct Selection {
    /// The transfers.
    pub transfers: BTreeSet<Name>,
    /// What does not run, and why.
    pub skipped: Vec<(Name, String)>,
}

/// Selects what the integrations named want to run, or all of them.
pub async fn select(ports: &Ports, applied: &Applied, named: &[Name]) -> Result<Selection, RunnerError> {
    for name in named {
        if applied.uid(Kind::Integration, name).is_none() {
            return Err(unknown(applied, name).into());
        }
    }
    let facts = ports.facts();
    let now = ports.environment.now();
    let mut selection = Selection::default();
    let integrations: Vec<_> = applied.integrations().collect();
    for (name, uid, spec) in integrations {
        if !named.is_empty() && !named.contains(name) {
            continue;
        }
        if let Some(reason) = reason_against(name, spec, &facts.integration(uid).await?, now) {
            selection.skipped.push((name.clone(), reason));
            continue;
        }
        for transfer in spec.subscriptions.keys() {
            if applied.desired.transfer(transfer).is_some_and(|spec| spec.active) {
                selection.transfers.insert(transfer.clone());
            } else {
                selection.skipped.push((transfer.clone(), "the transfer is not active".to_owned()));
            }
        }
    }
    Ok(selection)
}

/// No integration has the name; a transfer that has it is told with the integrations that run it.
fn unknown(applied: &Applied, name: &Name) -> Unknown {
    let unknown = Unknown::in_force(Kind::Integration, name, applied.index.keys());
    if applied.uid(Kind::Transfer, name).is_none() {
        return unknown;
    }
    let subscribers = applied.integrations().filter(|(_, _, spec)| spec.subscriptions.contains_key(name));
    let subscribers: Vec<String> = subscribers.map(|(name, ..)| format!("`{name}`")).collect();
    let hint = if subscribers.is_empty() {
        format!("; `{name}` is a transfer that no integration subscribes to")
    } else {
        format!("; `{name}` is a transfer of {}: run that", subscribers.join(", "))
    };
    Unknown { hint, ..unknown }
}

/// Tells in a report what a person has to do: which of the integrations named, or of all, are disabled or paused by
/// now, what they stopped, and which transfers nothing wants.
pub async fn look_back(
    ports: &Ports,
    applied: &Applied,
    named: &[Name],
    report: &mut RunReport,
) -> Result<(), RunnerError> {
    let (facts, now) = (ports.facts(), ports.environment.now());
    let mut reasons = BTreeMap::new();
    let integrations: Vec<_> = applied.integrations().collect();
    for (name, uid, spec) in integrations {
        let is_asked = named.contains(name);
        let Some(reason) = reason_against(name, spec, &facts.integration(uid).await?, now) else { continue };
        // An inactive one is none of those that run, unless it was asked for.
        if is_asked || (named.is_empty() && spec.active) {
            report.blocked.push((name.clone(), reason.clone()));
        }
        reasons.insert(name, reason);
    }
    let stopped = report.runs.iter().filter(|run| run.outcome == RunOutcome::Stopped);
    for transfer in stopped.map(|run| run.transfer.clone()) {
        let mut subscribers =
            subscribers(applied, &transfer).into_iter().map(|(subscriber, _)| subscriber.name);
        let first = subscribers.next();
        let is_blocked = |name: &Name| reasons.contains_key(name);
        if let Some(first) = first.filter(is_blocked).filter(|_| subscribers.all(|name| is_blocked(&name))) {
            let reason = reasons.get(&first).cloned().unwrap_or_default();
            report.ended.push((transfer, format!("of the integration {first}, {reason}")));
        }
    }
    if named.is_empty() {
        report.notes = unwanted(applied);
    }
    Ok(())
}

/// A sentence for each active transfer that no active integration wants: it never runs.
pub fn unwanted(applied: &Applied) -> Vec<String> {
    let wanted: BTreeSet<&Name> = applied
        .integrations()
        .filter(|(_, _, spec)| spec.active)
        .flat_map(|(_, _, spec)| spec.subscriptions.keys())
        .collect();
    let unwanted = applied.transfers().filter(|(name, _, spec)| spec.active && !wanted.contains(name));
    let say = |name: &Name| {
        format!("the transfer `{name}` is active and never runs: no active integration subscribes to it")
    };
    unwanted.map(|(name, ..)| say(name)).collect()
}

/// A sentence for each transfer of the integrations named, or of all, for which deliveries wait that no single run takes in.
pub async fn waiting(ports: &Ports, applied: &Applied, named: &[Name]) -> Result<Vec<String>, RunnerError> {
    let uids = ports.inbox.waiting_transfers().await?;
    let is_meant = |name: &Name| named.is_empty() || named.contains(name);
    let wanted: BTreeSet<&Name> = applied
        .integrations()
        .filter(|(name, _, spec)| spec.active && is_meant(name))
        .flat_map(|(_, _, spec)| spec.subscriptions.keys())
        .collect();
    let transfers = applied.transfers().filter(|(name, uid, _)| uids.contains(uid) && wanted.contains(name));
    let transfers: Vec<(&Name, Uid)> = transfers.map(|(name, uid, _)| (name, uid)).collect();
    let mut told = Vec::with_capacity(transfers.len());
    for (name, uid) in transfers {
        let those = match ports.inbox.waiting(uid).await? {
            // Another process has taken them meanwhile.
            0 => continue,
            1 => "1 webhook delivery waits".to_owned(),
            more => format!("{more} webhook deliveries wait"),
        };
        told.push(format!(
            "{those} for `{name}`: a daemon takes them in (`raccord watch`), a single run does not"
        ));
    }
    Ok(told)
}

/// Why an integration makes nothing run, if it does not.
fn reason_against(
    name: &Name,
    spec: &IntegrationSpec,
    fact: &IntegrationFact,
    now: Timestamp,
) -> Option<String> {
    if !spec.active {
        Some("it is not active".to_owned())
    } else if let Some(trip) = &fact.trip {
        Some(format!("it was disabled: {}; `raccord resume {name}` starts it again", trip.cause))
    } else if is_paused(fact, now) {
        Some(format!("it is paused; `raccord resume {name}` starts it again"))
    } else {
        None
    }
}

/// Those for whom a run of a transfer is made at this moment, no matter who asked for it: an integration that was
/// left out would never hear of what this run moves past.
pub async fn ready_subscribers(
    (facts, now): (&Facts, Timestamp),
    applied: &Applied,
    transfer: &Name,
) -> Result<Vec<(Subscriber, Updates, IntegrationFact)>, RunnerError> {
    let mut ready = Vec::new();
    let subscriptions: Vec<_> = subscriptions_to(applied, transfer).collect();
    for (subscriber, updates, spec) in subscriptions {
        let fact = facts.integration(subscriber.uid).await?;
        if reason_against(&subscriber.name, spec, &fact, now).is_none() {
            ready.push((subscriber, updates, fact));
        }
    }
    Ok(ready)
}

/// Everyone who subscribes to a transfer, whatever their state: for work outside a run.
pub fn subscribers(applied: &Applied, transfer: &Name) -> Vec<(Subscriber, Updates)> {
    subscriptions_to(applied, transfer).map(|(subscriber, updates, _)| (subscriber, updates)).collect()
}

fn subscriptions_to<'a>(
    applied: &'a Applied,
    transfer: &'a Name,
) -> impl Iterator<Item = (Subscriber, Updates, &'a IntegrationSpec)> {
    applied.integrations().filter_map(|(name, uid, spec)| {
        // An applied integration has its subscriptions inline.
        let updates = spec.subscriptions.get(transfer)?.inline()?.updates.clone();
        Some((subscriber(name, uid, spec), updates, spec))
    })
}

fn subscriber(name: &Name, uid: Uid, spec: &IntegrationSpec) -> Subscriber {
    Subscriber { name: name.clone(), uid, breaker: spec.breaker.clone() }
}
