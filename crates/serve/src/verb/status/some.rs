//! How one integration, one transfer or what waits for a person stands. Of the others nothing is read, so that it takes no longer
//! with thousands of them.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::fact::{Notice, StepFact, Uid};
use raccord_model::language::TransferSpec;
use raccord_model::port::state::{Scan, Table};
use raccord_model::{Desired, Key, Kind, Name};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::notice::outbox;

use super::{Around, authorization_of, integration, kept_of, transfer, wait, waiting};
use crate::reply::{Replies, RequestError};
use crate::request::{IntegrationStatus, Reply, Status, StatusQuery};
use crate::verb::authorize::standings;
use crate::verb::facts::Facts;

/// A transfer of the generation in force.
type Found<'a> = (&'a Name, Uid, &'a TransferSpec);

/// How those stand that are asked for, as far as it is known without a daemon.
pub async fn part(ports: &Ports, query: &StatusQuery, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let applied = ports.applied().await?;
    let held = if query.held { Some(held(&applied, &Facts::read(ports).await?)) } else { None };
    let status = some(ports, &applied, query, held.as_ref()).await?;
    replies(Reply::Status(Box::new(status)));
    Ok(())
}

/// The transfers of which a run waits for a person, of all.
pub fn held(applied: &Applied, facts: &Facts) -> BTreeSet<Uid> {
    applied.transfers().map(|(_, uid, _)| uid).filter(|uid| facts.is_held(*uid)).collect()
}

/// How those stand that are asked for. `held` has the transfers of which a run waits for a person, when only those are wanted.
pub async fn some(
    ports: &Ports,
    applied: &Applied,
    query: &StatusQuery,
    held: Option<&BTreeSet<Uid>>,
) -> Result<Status, RequestError> {
    let found = find(applied, query, held)?;
    let left_out = found.len().saturating_sub(query.limit);
    let found: Vec<Found<'_>> = found.into_iter().take(query.limit).collect();
    let uids: BTreeSet<Uid> = found.iter().map(|(_, uid, _)| *uid).collect();
    let mut facts = Facts::of(ports, applied, &uids).await?;
    let integrations = integrations(ports, applied, (query, &found), &mut facts).await?;
    let specs = found.iter().map(|(_, uid, spec)| (*uid, *spec)).collect();
    let (mut kept, unseen) = kept_of(ports, applied, specs).await?;
    let (authorizations, mut notes) = standings(ports, &agreements_of(applied, &found)).await;
    let around = Around::new(applied, &integrations, &authorizations);
    let transfers = found.iter().map(|(name, uid, spec)| {
        let known = (facts.transfer(*uid).cloned().unwrap_or_default(), kept.remove(uid));
        transfer(applied, (name, spec), known, &around, |id| facts.run(id).cloned())
    });
    let mut transfers: Vec<_> = transfers.collect();
    wait::count(ports, applied, &mut transfers).await?;
    notes.extend(wait::going_on(&integrations));
    let steps = ports.facts().scan::<StepFact>(Table::Steps, Scan::default()).await?;
    let steps: Vec<StepFact> = steps.into_iter().map(|(_, step)| step).collect();
    let notices: Vec<Notice> = outbox::waiting(&ports.facts()).await?;
    notes.extend(unseen);
    notes.extend(waiting(applied, &steps));
    Ok(Status {
        stack: applied.head.stack.clone(),
        generation: applied.head.generation,
        serial: applied.head.serial,
        integrations,
        transfers,
        authorizations,
        steps: steps.len(),
        outbox: notices.len(),
        outbox_error: outbox::last_error(&notices),
        notes,
        left_out,
        daemon: None,
    })
}

/// The transfers that are asked for, by name.
fn find<'a>(
    applied: &'a Applied,
    query: &StatusQuery,
    held: Option<&BTreeSet<Uid>>,
) -> Result<Vec<Found<'a>>, RequestError> {
    let unknown = |kind, name| RequestError::unknown(kind, name, applied.index.keys());
    let wanted = match &query.integration {
        None => None,
        Some(name) => {
            let (_, spec) = applied.integration(name).ok_or_else(|| unknown(Kind::Integration, name))?;
            Some(spec)
        }
    };
    if let Some(name) = &query.transfer {
        applied.uid(Kind::Transfer, name).ok_or_else(|| unknown(Kind::Transfer, name))?;
    }
    let found = applied.transfers().filter(|(name, uid, _)| {
        query.transfer.as_ref().is_none_or(|only| only == *name)
            && wanted.is_none_or(|spec| spec.subscriptions.contains_key(*name))
            && held.is_none_or(|held| held.contains(uid))
    });
    Ok(found.collect())
}

/// The integration that is asked for, and those that want one of the transfers.
async fn integrations(
    ports: &Ports,
    applied: &Applied,
    (query, found): (&StatusQuery, &[Found<'_>]),
    facts: &mut Facts,
) -> Result<Vec<IntegrationStatus>, RequestError> {
    let asked = query.integration.as_ref().and_then(|name| applied.uid(Kind::Integration, name));
    if let Some(uid) = asked {
        facts.look_at(ports, uid).await?;
    }
    let now = ports.environment.now();
    let names: BTreeSet<&Name> = found.iter().map(|(name, ..)| *name).collect();
    let known = applied.integrations().filter_map(|(name, uid, spec)| {
        let is_shown = asked == Some(uid) || spec.subscriptions.keys().any(|name| names.contains(name));
        let fact = facts.integration(uid).filter(|_| is_shown)?;
        Some(integration(name, spec, fact.clone(), now))
    });
    Ok(known.collect())
}

/// The Authorizations of the sources of some transfers, as a configuration: only of them it is asked how they stand.
fn agreements_of(applied: &Applied, found: &[Found<'_>]) -> Desired {
    let desired = &applied.desired;
    let names: BTreeSet<&Name> =
        found.iter().filter_map(|(_, _, spec)| authorization_of(desired, &spec.source)).collect();
    let resources: BTreeMap<_, _> = names
        .into_iter()
        .filter_map(|name| desired.resources.get_key_value(&Key::new(Kind::Authorization, name.clone())))
        .map(|(key, wanted)| (key.clone(), wanted.clone()))
        .collect();
    Desired { stack: desired.stack.clone(), root: desired.root.clone(), resources }
}
