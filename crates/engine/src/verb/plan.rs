//! Planning: loads what the comparison needs and no more. The plan itself is made by `raccord_plan`.

use std::collections::BTreeMap;

use raccord_model::fact::{EntityFact, IntegrationFact};
use raccord_model::port::state::{Scan, Table};
use raccord_model::{Desired, Digest, Ident, Key, Resource};
use raccord_plan::{Current, Facts as PlanFacts, Needs, Options, diff, needs};

use crate::applied::AppliedError;
use crate::engine::{Engine, EngineError, Replies};
use crate::request::Reply;

/// What applying a configuration would do.
pub async fn plan(
    engine: &Engine,
    desired: &Desired,
    options: &Options,
    replies: &mut Replies<'_>,
) -> Result<(), EngineError> {
    let current = current(engine, desired).await?;
    replies(Reply::Plan(Box::new(diff(desired, &current, options)?)));
    Ok(())
}

/// What the state holds, as far as a plan for this configuration needs it.
pub async fn current(engine: &Engine, desired: &Desired) -> Result<Current, EngineError> {
    let head = engine.state.head().await?;
    let index = engine.state.index().await?;
    let needs = needs(desired, &index);
    let bodies = bodies(engine, &index, &needs).await?;
    let facts = facts(engine, &needs).await?;
    Ok(Current { head, index, bodies, facts })
}

async fn bodies(
    engine: &Engine,
    index: &BTreeMap<Key, raccord_model::fact::Entry>,
    needs: &Needs,
) -> Result<BTreeMap<Digest, Resource>, EngineError> {
    let wanted = index.iter().filter(|(_, entry)| needs.bodies.contains(&entry.digest));
    let opened =
        crate::applied::open_bodies(&engine.state, &wanted.map(|(k, e)| (k.clone(), *e)).collect()).await;
    let opened = opened.map_err(|error: AppliedError| EngineError::from(error))?;
    Ok(opened.into_values().map(|(entry, resource)| (entry.digest, resource)).collect())
}

async fn facts(engine: &Engine, needs: &Needs) -> Result<PlanFacts, EngineError> {
    let reader = engine.facts();
    let mut facts = PlanFacts::default();
    for uid in &needs.transfers {
        facts.transfers.insert(*uid, reader.transfer(*uid).await?);
    }
    for project in &needs.projects {
        let prefix = format!("{project}/");
        let scan = Scan { prefix: prefix.clone(), ..Scan::default() };
        for (key, fact) in reader.scan::<EntityFact>(Table::Entities, scan).await? {
            let Ok(entity) = key.trim_start_matches(&prefix).parse::<Ident>() else { continue };
            facts.rows.insert(fact.incarnation, engine.ledger.count(fact.incarnation).await?);
            facts.entities.insert((*project, entity), fact);
        }
    }
    for (key, fact) in reader.scan::<IntegrationFact>(Table::Integrations, Scan::default()).await? {
        if let Ok(uid) = key.parse() {
            facts.integrations.insert(raccord_model::fact::Uid(uid), fact);
        }
    }
    Ok(facts)
}
