//! Loads what the comparison of a configuration with the state needs, and no more. The plan itself is made by
//! `raccord_plan`.

use std::collections::BTreeMap;

use raccord_model::fact::{EntityFact, Entry, IntegrationFact, TransferFact, Uid};
use raccord_model::port::Async;
use raccord_model::port::destination::{DestinationError, Rows};
use raccord_model::port::state::{Scan, Table};
use raccord_model::resource::{Wanted, place_of};
use raccord_model::{Desired, Digest, Ident, Key, Kind, Resource, Spec};
use raccord_plan::{Current, Facts as PlanFacts, Needs, Waiting, needs};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::facts::Revised;

use crate::error::DaemonError;
use crate::tables::PATIENCE;

/// What the state holds, as far as a plan for this configuration needs it.
pub async fn current(ports: &Ports, desired: &Desired) -> Result<Current, DaemonError> {
    refuse_embedded_rows(ports, desired)?;
    let head = ports.state.head().await?;
    // A daemon knows the generation in force; a command that plans once reads of it what it needs.
    let known = ports.read_last.known(&head);
    let index = match &known {
        Some(applied) => applied.index.clone(),
        None => ports.state.index().await?,
    };
    let needs = needs(desired, &index);
    let bodies = match &known {
        Some(applied) => known_bodies(applied, &needs),
        None => bodies(ports, &index, &needs).await?,
    };
    let mut facts = facts(ports, &needs, (&index, &bodies, desired)).await?;
    facts.owned = owned(ports, desired, (&index, &bodies), &facts).await?;
    facts.waiting = waiting(ports, desired, (&index, &bodies), &needs).await?;
    Ok(Current { head, index, bodies, facts })
}

/// Refuses a project that would keep its rows in a state that has none.
fn refuse_embedded_rows(ports: &Ports, desired: &Desired) -> Result<(), DaemonError> {
    if ports.has_embedded_rows() {
        return Ok(());
    }
    let keeps_them =
        |wanted: &Wanted| matches!(&wanted.resource.spec, Spec::Project(spec) if spec.store.is_embedded());
    match desired.resources.iter().find(|(_, wanted)| keeps_them(wanted)) {
        Some((key, _)) => Err(DaemonError::NotShared(key.name.clone())),
        None => Ok(()),
    }
}

/// How many rows each transfer owns of which no complete reading is known.
async fn owned(
    ports: &Ports,
    desired: &Desired,
    (index, bodies): (&BTreeMap<Key, Entry>, &BTreeMap<Digest, Resource>),
    facts: &PlanFacts,
) -> Result<BTreeMap<Uid, u64>, DaemonError> {
    let mut owned = BTreeMap::new();
    for (key, wanted) in &desired.resources {
        let Spec::Transfer(spec) = &wanted.resource.spec else { continue };
        let Some(uid) = index.get(key).map(|entry| entry.uid) else { continue };
        if facts.transfers.get(&uid).is_none_or(|fact| fact.observed.last_full_read > 0) {
            continue;
        }
        let project = Key::new(Kind::Project, spec.to.project.clone());
        let Some(project) = index.get(&project).map(|entry| entry.uid) else { continue };
        let entity = format!("{project}/{}", spec.to.entity);
        if let Some(fact) = ports.facts().get::<EntityFact>(Table::Entities, &entity).await? {
            let Some(rows) = rows_now(ports, index, bodies, (project, desired)) else { continue };
            if let Some(count) = counted(&rows, rows.ledger.count_owned(fact.incarnation, uid)).await? {
                owned.insert(uid, count);
            }
        }
    }
    Ok(owned)
}

/// What waits for the transfers that go.
async fn waiting(
    ports: &Ports,
    desired: &Desired,
    (index, bodies): (&BTreeMap<Key, Entry>, &BTreeMap<Digest, Resource>),
    needs: &Needs,
) -> Result<BTreeMap<Uid, Waiting>, DaemonError> {
    let mut waiting = BTreeMap::new();
    for (uid, digest) in &needs.gone {
        let mut found = Waiting { deliveries: ports.inbox.waiting(*uid).await?, rejects: 0 };
        if let Some(Spec::Transfer(spec)) = bodies.get(digest).map(|body| &body.spec)
            && let Some(project) = index.get(&Key::new(Kind::Project, spec.to.project.clone()))
            && let Some(rows) = rows_now(ports, index, bodies, (project.uid, desired))
        {
            found.rejects = counted(&rows, rows.ledger.count_rejects(*uid)).await?.unwrap_or_default();
        }
        waiting.insert(*uid, found);
    }
    Ok(waiting)
}

fn known_bodies(applied: &Applied, needs: &Needs) -> BTreeMap<Digest, Resource> {
    let resources = applied.desired.resources.values();
    let wanted = resources.filter(|wanted| needs.bodies.contains(&wanted.digest));
    wanted.map(|wanted| (wanted.digest, wanted.resource.clone())).collect()
}

async fn bodies(
    ports: &Ports,
    index: &BTreeMap<Key, Entry>,
    needs: &Needs,
) -> Result<BTreeMap<Digest, Resource>, DaemonError> {
    let wanted = index.iter().filter(|(_, entry)| needs.bodies.contains(&entry.digest));
    let opened =
        raccord_run::applied::open_bodies(&ports.state, &wanted.map(|(k, e)| (k.clone(), *e)).collect())
            .await;
    Ok(opened?.into_values().map(|(entry, resource)| (entry.digest, resource)).collect())
}

/// Where the rows of a project are in the generation in force; nothing when what it says of them was not loaded.
fn rows_now(
    ports: &Ports,
    index: &BTreeMap<Key, Entry>,
    bodies: &BTreeMap<Digest, Resource>,
    (project, desired): (Uid, &Desired),
) -> Option<Rows> {
    let spec = |key: &Key| {
        let digest = index.get(key)?.digest;
        let unchanged = || desired.resources.get(key).filter(|wanted| wanted.digest == digest);
        let body = bodies.get(&digest).or_else(|| unchanged().map(|wanted| &wanted.resource));
        body.map(|resource| &resource.spec)
    };
    let is_it = |(key, entry): &(&Key, &Entry)| key.kind == Kind::Project && entry.uid == project;
    let (key, _) = index.iter().find(is_it)?;
    let Some(Spec::Project(project)) = spec(key) else { return None };
    let place = place_of(project, |name| match spec(&Key::new(Kind::Authorization, name.clone())) {
        Some(Spec::Authorization(authorization)) => Some(authorization),
        _ => None,
    })?;
    ports.rows_at(&place, &desired.root).ok()
}

/// How many rows there are; nothing when they are elsewhere and cannot be seen.
async fn counted<T>(
    rows: &Rows,
    count: Async<'_, Result<T, DestinationError>>,
) -> Result<Option<T>, DestinationError> {
    if rows.destination.is_state() {
        return count.await.map(Some);
    }
    let counted = tokio::time::timeout(PATIENCE, count).await;
    Ok(counted.ok().and_then(Result::ok))
}

async fn facts(
    ports: &Ports,
    needs: &Needs,
    (index, bodies, desired): (&BTreeMap<Key, Entry>, &BTreeMap<Digest, Resource>, &Desired),
) -> Result<PlanFacts, DaemonError> {
    let reader = ports.facts();
    let mut facts = PlanFacts::default();
    for uid in &needs.transfers {
        let found = reader.get_revised(Table::Transfers, &uid.to_string()).await?;
        note_transfer(&mut facts, *uid, found);
    }
    for project in &needs.projects {
        let prefix = format!("{project}/");
        let scan = Scan { prefix: prefix.clone(), ..Scan::default() };
        for (key, fact) in reader.scan::<EntityFact>(Table::Entities, scan).await? {
            let Ok(entity) = key.trim_start_matches(&prefix).parse::<Ident>() else { continue };
            let rows = rows_now(ports, index, bodies, (*project, desired));
            let owners = match &rows {
                Some(rows) => counted(rows, rows.ledger.count_owners(fact.incarnation)).await?,
                None => None,
            };
            if let Some(owners) = owners {
                // Rows that no transfer owns are not Raccord's to drop.
                facts.rows.insert(fact.incarnation, owners.iter().map(|(_, count)| count).sum());
                facts.owners.insert(fact.incarnation, owners.into_iter().collect());
            }
            facts.entities.insert((*project, entity), fact);
        }
    }
    for (key, found) in reader.scan_revised(Table::Integrations, Scan::default()).await? {
        if let Ok(uid) = key.parse() {
            note_integration(&mut facts, Uid(uid), Some(found));
        }
    }
    Ok(facts)
}

/// Reads one fact of a transfer or an integration again, because it was changed after the others were read.
pub async fn read_again(
    ports: &Ports,
    facts: &mut PlanFacts,
    (table, key): (Table, &str),
) -> Result<(), DaemonError> {
    let (reader, Ok(uid)) = (ports.facts(), key.parse().map(Uid)) else { return Ok(()) };
    if table == Table::Transfers {
        note_transfer(facts, uid, reader.get_revised(table, key).await?);
    } else {
        note_integration(facts, uid, reader.get_revised(table, key).await?);
    }
    Ok(())
}

fn note_transfer(facts: &mut PlanFacts, uid: Uid, found: Option<Revised<TransferFact>>) {
    let revision = found.as_ref().map(|revised| revised.revision);
    facts.revisions.insert((Table::Transfers, uid.to_string()), revision);
    facts.transfers.insert(uid, found.map(|revised| revised.fact).unwrap_or_default());
}

fn note_integration(facts: &mut PlanFacts, uid: Uid, found: Option<Revised<IntegrationFact>>) {
    let revision = found.as_ref().map(|revised| revised.revision);
    facts.revisions.insert((Table::Integrations, uid.to_string()), revision);
    match found {
        Some(revised) => facts.integrations.insert(uid, revised.fact),
        None => facts.integrations.remove(&uid),
    };
}
