//! A run before it begins: what it needs, read and compiled, or why that cannot be had. Reads facts alone; what becomes of a
//! run that cannot be made is its runner's.

use std::sync::Arc;

use raccord_model::fact::{EntityFact, IntegrationFact, StorePlace, TransferFact, Uid};
use raccord_model::language::TransferSpec;
use raccord_model::port::destination::Fence;
use raccord_model::port::state::Table;
use raccord_model::{Kind, Name};

use super::job::{self, Job, JobOutline, Subscriber};
use super::select;
use crate::applied::Applied;
use crate::entity::{entity, entity_key};
use crate::ports::{Ports, RunnerError};
use crate::unknown::Unknown;

/// A run that is ready to begin.
pub(super) struct Prepared {
    pub(super) job: Job,
    /// What is known of the integrations that make it run.
    pub(super) subscribers: Vec<IntegrationFact>,
    /// What is known of its entity.
    pub(super) entity: EntityFact,
    /// The generation that it runs under.
    pub(super) applied: Arc<Applied>,
}

/// A run that cannot be made ready, which has failed by that.
pub(super) struct FailedPreparation {
    pub(super) uid: Uid,
    pub(super) name: Name,
    pub(super) spec: TransferSpec,
    pub(super) fence: Fence,
    pub(super) fact: TransferFact,
    pub(super) place: Option<(StorePlace, String)>,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) error: RunnerError,
}

/// What became of the preparation of a run.
pub(super) enum Preparation {
    Ready(Box<Prepared>),
    Failed(Box<FailedPreparation>),
    /// Every integration that wanted it is disabled or paused by now.
    Unwanted,
}

impl FailedPreparation {
    pub(super) fn outline(&self) -> JobOutline<'_> {
        JobOutline {
            transfer: &self.name,
            uid: self.uid,
            spec: &self.spec,
            fence: self.fence,
            fact: &self.fact,
            place: self.place.as_ref().map(|(place, root)| (place, root.as_str())),
            subscribers: &self.subscribers,
            compiled: None,
        }
    }
}

/// Makes a transfer of a generation ready to run, unless every integration that wanted it is disabled or paused by now.
pub(super) async fn prepare(
    ports: &Ports,
    applied: &Arc<Applied>,
    (name, uid): (&Name, Uid),
) -> Result<Preparation, RunnerError> {
    let spec = applied.desired.transfer(name);
    let spec = spec.ok_or_else(|| Unknown::in_force(Kind::Transfer, name, applied.index.keys()))?;
    let to = spec.to.clone();
    let mut keys = vec![(Table::Transfers, uid.to_string()), (Table::Entities, entity_key(applied, &to)?.1)];
    let subscribers = select::subscribers(applied, name).into_iter();
    keys.extend(subscribers.map(|(subscriber, _)| (Table::Integrations, subscriber.uid.to_string())));
    let facts = ports.facts().fetch(keys).await?;
    let now = ports.environment.now();
    let ready = select::ready_subscribers((&facts, now), applied, name).await?;
    if ready.is_empty() {
        return Ok(Preparation::Unwanted);
    }
    let (mut wanted, mut subscribers) = (Vec::new(), Vec::new());
    for (subscriber, updates, fact) in ready {
        wanted.push((subscriber, updates));
        subscribers.push(fact);
    }
    let (_, entity) = entity(&facts, applied, &to).await?;
    let fact = facts.transfer(uid).await?;
    match job::prepare(applied, name, fact.clone(), &entity, wanted.clone()) {
        Ok(job) => {
            let prepared = Prepared { job, subscribers, entity, applied: Arc::clone(applied) };
            Ok(Preparation::Ready(Box::new(prepared)))
        }
        Err(error) => {
            let desired = &applied.desired;
            let place = desired.project(&to.project).and_then(|project| desired.store_place(project));
            Ok(Preparation::Failed(Box::new(FailedPreparation {
                uid,
                name: name.clone(),
                spec: spec.clone(),
                fence: job::fence(applied, &fact),
                fact,
                place: place.map(|place| (place, desired.root.clone())),
                subscribers: wanted.into_iter().map(|(subscriber, _)| subscriber).collect(),
                error: error.into(),
            })))
        }
    }
}
