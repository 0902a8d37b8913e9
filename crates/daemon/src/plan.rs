//! Loads what the comparison of a configuration with the state needs, and no more. The plan itself is made by
//! `raccord_plan`.

use std::collections::BTreeMap;

use raccord_model::fact::{EntityFact, Entry, IntegrationFact, TransferFact, Uid};
use raccord_model::port::state::{Scan, Table};
use raccord_model::{Desired, Digest, Ident, Key, Kind, Resource, Spec};
use raccord_plan::{Current, Facts as PlanFacts, Needs, needs};
use raccord_run::Ports;
use raccord_run::facts::Revised;

use crate::error::DaemonError;

/// What the state holds, as far as a plan for this configuration needs it.
pub async fn current(ports: &Ports, desired: &Desired) -> Result<Current, DaemonError> {
    let head = ports.state.head().await?;
    let index = ports.state.index().await?;
    let needs = needs(desired, &index);
    let bodies = bodies(ports, &index, &needs).await?;
    let mut facts = facts(ports, &needs).await?;
    facts.owned = owned(ports, desired, &index, &facts).await?;
    Ok(Current { head, index, bodies, facts })
}

/// How many rows each transfer owns of which no complete reading is known.
async fn owned(
    ports: &Ports,
    desired: &Desired,
    index: &BTreeMap<Key, Entry>,
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
            owned.insert(uid, ports.ledger.count_owned(fact.incarnation, uid).await?);
        }
    }
    Ok(owned)
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

async fn facts(ports: &Ports, needs: &Needs) -> Result<PlanFacts, DaemonError> {
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
            facts.rows.insert(fact.incarnation, ports.ledger.count(fact.incarnation).await?);
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
