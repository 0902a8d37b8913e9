//! What is applied: a resource as its document says it, the entities with their records, and what flows where.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::fact::{RunOutcome, StorePlace};
use raccord_model::language::ProjectSpec;
use raccord_model::{EntityRef, Key, Name, Spec};
use raccord_run::Ports;
use raccord_run::applied::{Applied, open_bodies};
use raccord_run::breaker::is_paused;
use raccord_run::moment::Moment;

use super::records::Columns;
use crate::reply::{Replies, RequestError};
use crate::request::{EntityView, Flow, FlowState, Reply, ResourceView};

/// What one resource of the generation in force says.
pub async fn resource(ports: &Ports, key: &Key, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let index = ports.state.index().await?;
    let Some(entry) = index.get(key) else {
        return Err(RequestError::unknown(key.kind, &key.name, index.keys()));
    };
    let one = BTreeMap::from([(key.clone(), *entry)]);
    for (key, (entry, resource)) in open_bodies(&ports.state, &one).await? {
        replies(Reply::Resource(Box::new(ResourceView { key, uid: entry.uid, resource })));
    }
    Ok(())
}

/// The entities of the generation in force, by project and name.
pub async fn entities(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let applied = Applied::load(&ports.state).await?;
    let mut feeding: BTreeMap<&EntityRef, Vec<Name>> = BTreeMap::new();
    for (name, _, spec) in applied.transfers() {
        feeding.entry(&spec.to).or_default().push(name.clone());
    }
    let projects = applied.desired.resources.iter().filter_map(|(key, wanted)| match &wanted.resource.spec {
        Spec::Project(project) => Some((&key.name, project)),
        _ => None,
    });
    for (name, project) in projects {
        for (entity, spec) in &project.entities {
            let at = EntityRef { project: name.clone(), entity: entity.clone() };
            let (_, fact) = raccord_run::entity::entity(&ports.facts(), &applied, &at).await?;
            replies(Reply::Entity(EntityView {
                key: spec.key.clone(),
                columns: Columns::new(spec, &fact).views(spec),
                records: count(ports, &applied, &at, fact.incarnation).await,
                store: store_in_words(&applied, project),
                transfers: feeding.get(&at).cloned().unwrap_or_default(),
                entity: at,
            }));
        }
    }
    Ok(())
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
    let moment = Moment::read(&ports.state).await?;
    let applied = &moment.applied;
    let standings = Standings::of(ports, &moment);
    for (name, uid, spec) in applied.transfers() {
        let project = applied.desired.project(&spec.to.project);
        let integrations = standings.integrations.get(name).cloned().unwrap_or_default();
        let outcome =
            moment.transfer(uid).observed.last_run.and_then(|id| moment.run(id)).map(|run| &run.outcome);
        let state = if spec.active { standings.state(&integrations, outcome) } else { FlowState::Inactive };
        replies(Reply::Flow(Flow {
            source: spec.source.clone(),
            transfer: name.clone(),
            integrations,
            entity: spec.to.clone(),
            store: project.map(|project| store_in_words(applied, project)).unwrap_or_default(),
            state,
        }));
    }
    Ok(())
}

/// How the integrations stand, as far as a flow shows it.
struct Standings {
    /// Those that subscribe to each transfer.
    integrations: BTreeMap<Name, Vec<Name>>,
    active: BTreeSet<Name>,
    paused: BTreeSet<Name>,
    tripped: BTreeSet<Name>,
}

impl Standings {
    fn of(ports: &Ports, moment: &Moment) -> Self {
        let mut found = Self {
            integrations: BTreeMap::new(),
            active: BTreeSet::new(),
            paused: BTreeSet::new(),
            tripped: BTreeSet::new(),
        };
        for (name, uid, spec) in moment.applied.integrations() {
            for transfer in spec.subscriptions.keys() {
                found.integrations.entry(transfer.clone()).or_default().push(name.clone());
            }
            let fact = moment.integration(uid);
            if fact.trip.is_some() {
                found.tripped.insert(name.clone());
            } else if spec.active && is_paused(&fact, ports.environment.now()) {
                found.paused.insert(name.clone());
            } else if spec.active {
                found.active.insert(name.clone());
            }
        }
        found
    }

    /// How a transfer stands that is active itself: one integration that goes on is enough for it to run.
    fn state(&self, integrations: &[Name], last: Option<&RunOutcome>) -> FlowState {
        let any = |set: &BTreeSet<Name>| integrations.iter().any(|name| set.contains(name));
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
