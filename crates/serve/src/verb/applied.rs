//! What is applied: a resource as its document says it, the entities with their records, and what flows where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::fact::{RunOutcome, StorePlace};
use raccord_model::language::{Entity, ProjectSpec};
use raccord_model::{EntityRef, Key, Name, Spec};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::breaker::is_paused;
use raccord_run::entity::entity_key;

use super::facts::Facts;
use super::records::Columns;
use crate::reply::{Replies, RequestError};
use crate::request::{EntityQuery, EntityView, Flow, FlowState, Reply, ResourceView};

/// What one resource of the generation in force says.
pub async fn resource(ports: &Ports, key: &Key, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let applied = ports.applied().await?;
    let (Some(entry), Some(wanted)) = (applied.index.get(key), applied.desired.resources.get(key)) else {
        return Err(RequestError::unknown(key.kind, &key.name, applied.index.keys()));
    };
    let (key, resource) = (key.clone(), wanted.resource.clone());
    replies(Reply::Resource(Box::new(ResourceView { key, uid: entry.uid, resource })));
    Ok(())
}

/// The entities of the generation in force, by project and name.
pub async fn entities(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let applied = ports.applied().await?;
    for found in all(&applied) {
        replies(Reply::Entity(view(ports, &applied, &found).await?));
    }
    Ok(())
}

/// Some of the entities of the generation in force, by project and name, and how many there are. Only those that are shown are
/// looked at closer.
pub async fn some_entities(
    ports: &Ports,
    query: &EntityQuery,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let applied = ports.applied().await?;
    if let Some(at) = &query.entity {
        // One that is not there is told with what is.
        entity_key(&applied, at)?;
    }
    let text = query.text.as_ref().map(|text| text.trim().to_lowercase()).unwrap_or_default();
    let mut found = all(&applied);
    found.retain(|found| query.entity.as_ref().is_none_or(|at| found.at == *at) && found.has_text(&text));
    replies(Reply::Total(u64::try_from(found.len()).unwrap_or(u64::MAX)));
    for found in found.iter().skip(query.skip).take(query.limit) {
        replies(Reply::Entity(view(ports, &applied, found).await?));
    }
    Ok(())
}

/// An entity of the generation in force, before anything is read of it.
struct Found<'a> {
    at: EntityRef,
    spec: &'a Entity,
    store: Arc<str>,
    /// The transfers that feed it.
    transfers: Vec<&'a Name>,
}

impl Found<'_> {
    /// Whether it has a text, in small letters, in what is shown of it.
    fn has_text(&self, text: &str) -> bool {
        text.is_empty()
            || self.at.to_string().to_lowercase().contains(text)
            || self.store.to_lowercase().contains(text)
            || self.transfers.iter().any(|name| name.as_str().contains(text))
    }
}

/// Every entity, by project and name.
fn all(applied: &Applied) -> Vec<Found<'_>> {
    let mut feeding: BTreeMap<&EntityRef, Vec<&Name>> = BTreeMap::new();
    for (name, _, spec) in applied.transfers() {
        feeding.entry(&spec.to).or_default().push(name);
    }
    let projects = applied.desired.resources.iter().filter_map(|(key, wanted)| match &wanted.resource.spec {
        Spec::Project(project) => Some((&key.name, project)),
        _ => None,
    });
    let mut found = Vec::new();
    for (name, project) in projects {
        let store: Arc<str> = store_in_words(applied, project).into();
        for (entity, spec) in &project.entities {
            let at = EntityRef { project: name.clone(), entity: entity.clone() };
            let transfers = feeding.remove(&at).unwrap_or_default();
            found.push(Found { at, spec, store: Arc::clone(&store), transfers });
        }
    }
    found
}

/// An entity with its fields and the number of its records.
async fn view(ports: &Ports, applied: &Applied, found: &Found<'_>) -> Result<EntityView, RequestError> {
    let Found { at, spec, store, transfers } = found;
    let (_, fact) = raccord_run::entity::entity(&ports.facts(), applied, at).await?;
    Ok(EntityView {
        entity: at.clone(),
        key: spec.key.clone(),
        columns: Columns::new(spec, &fact).views(spec),
        records: count(ports, applied, at, fact.incarnation).await,
        store: store.to_string(),
        transfers: transfers.iter().copied().cloned().collect(),
    })
}

/// How many records an entity has; nothing when its store cannot be seen, of which the status says why.
async fn count(ports: &Ports, applied: &Applied, at: &EntityRef, incarnation: u64) -> Option<u64> {
    let rows = ports.rows(&applied.desired, &at.project).ok()?;
    rows.ledger.count(incarnation).await.ok()
}

/// Where the records of a project are, in words: never how the database is reached.
fn store_in_words(applied: &Applied, project: &ProjectSpec) -> String {
    match applied.desired.store_place(project).unwrap_or_default() {
        StorePlace::Embedded => "embedded".to_owned(),
        StorePlace::Postgres { schema, .. } => format!("PostgreSQL, schema {schema}"),
        StorePlace::Sqlite { path } => format!("SQLite, {path}"),
        StorePlace::Files { path, .. } => format!("files in {path}"),
    }
}

/// One flow for each transfer of the generation in force, in the order of their names.
pub async fn flows(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let (applied, facts) = (ports.applied().await?, Facts::read(ports).await?);
    flows_of((&applied, &facts), ports.environment.now(), replies);
    Ok(())
}

/// The same from what is known already.
pub fn flows_of((applied, facts): (&Applied, &Facts), now: Timestamp, replies: &mut Replies<'_>) {
    let standings = Standings::of((applied, facts), now);
    let mut stores: BTreeMap<&Name, String> = BTreeMap::new();
    for (name, uid, spec) in applied.transfers() {
        let integrations = standings.integrations.get(name).map(Vec::as_slice).unwrap_or_default();
        let last = facts.transfer(uid).and_then(|fact| fact.observed.last_run);
        let outcome = last.and_then(|id| facts.run(id)).map(|run| &run.outcome);
        let state = if spec.active { standings.state(integrations, outcome) } else { FlowState::Inactive };
        let store = stores.entry(&spec.to.project).or_insert_with(|| {
            let project = applied.desired.project(&spec.to.project);
            project.map(|project| store_in_words(applied, project)).unwrap_or_default()
        });
        replies(Reply::Flow(Flow {
            source: spec.source.clone(),
            transfer: name.clone(),
            integrations: integrations.iter().copied().cloned().collect(),
            entity: spec.to.clone(),
            store: store.clone(),
            state,
        }));
    }
}

/// How the integrations stand, as far as a flow shows it.
struct Standings<'a> {
    /// Those that subscribe to each transfer.
    integrations: BTreeMap<&'a Name, Vec<&'a Name>>,
    active: BTreeSet<&'a Name>,
    paused: BTreeSet<&'a Name>,
    tripped: BTreeSet<&'a Name>,
}

impl<'a> Standings<'a> {
    fn of((applied, facts): (&'a Applied, &Facts), now: Timestamp) -> Self {
        let mut found = Self {
            integrations: BTreeMap::new(),
            active: BTreeSet::new(),
            paused: BTreeSet::new(),
            tripped: BTreeSet::new(),
        };
        for (name, uid, spec) in applied.integrations() {
            for transfer in spec.subscriptions.keys() {
                found.integrations.entry(transfer).or_default().push(name);
            }
            let fact = facts.integration(uid);
            if fact.is_some_and(|fact| fact.trip.is_some()) {
                found.tripped.insert(name);
            } else if spec.active && fact.is_some_and(|fact| is_paused(fact, now)) {
                found.paused.insert(name);
            } else if spec.active {
                found.active.insert(name);
            }
        }
        found
    }

    /// How a transfer stands that is active itself: one integration that goes on is enough for it to run.
    fn state(&self, integrations: &[&Name], last: Option<&RunOutcome>) -> FlowState {
        let any = |set: &BTreeSet<&Name>| integrations.iter().any(|name| set.contains(name));
        if last.is_some_and(|outcome| outcome.hold().is_some()) {
            return FlowState::Held;
        }
        if any(&self.active) {
            let failed = matches!(last, Some(RunOutcome::Failed { .. }));
            return if failed { FlowState::Failing } else { FlowState::Active };
        }
        if any(&self.tripped) {
            FlowState::Tripped
        } else if any(&self.paused) {
            FlowState::Paused
        } else {
            FlowState::Inactive
        }
    }
}
