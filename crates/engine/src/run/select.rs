//! Which transfers run: those that are active, wanted by an active integration that is neither disabled nor
//! paused. What does not run is told with its reason.

use raccord_model::fact::Updates;
use raccord_model::language::{ByNameOrInline, IntegrationSpec};
use raccord_model::{Kind, Name};

use super::ByTransfer;
use super::breaker::is_paused;
use super::job::Subscriber;
use super::step::Candidate;
use crate::applied::Applied;
use crate::engine::{Engine, EngineError};

/// Which transfers run, and for whom.
#[derive(Debug, Default)]
pub struct Selection {
    by_transfer: ByTransfer<(Subscriber, Updates)>,
    /// What does not run, and why.
    pub skipped: Vec<(Name, String)>,
}

impl Selection {
    /// The transfers, in order.
    pub fn candidates(&self, applied: &Applied) -> Vec<Candidate> {
        self.by_transfer
            .keys()
            .filter_map(|name| {
                let source = applied.desired.transfer(name)?.source.clone();
                Some(Candidate { transfer: name.clone(), source })
            })
            .collect()
    }

    /// Who wants a transfer's updates, and which.
    pub fn subscribers(&self, transfer: &Name) -> Vec<(Subscriber, Updates)> {
        self.by_transfer.get(transfer).cloned().unwrap_or_default()
    }
}

/// Selects what runs among the integrations named, or among all.
pub async fn select(engine: &Engine, applied: &Applied, named: &[Name]) -> Result<Selection, EngineError> {
    for name in named {
        if applied.uid(Kind::Integration, name).is_none() {
            return Err(EngineError::unknown(Kind::Integration, name, applied.index.keys()));
        }
    }
    let facts = engine.facts();
    let now = engine.environment.now();
    let mut selection = Selection::default();
    for (name, uid, spec) in applied.integrations() {
        if !named.is_empty() && !named.contains(name) {
            continue;
        }
        let fact = facts.integration(uid).await?;
        let reason = if !spec.active {
            Some("it is not active".to_owned())
        } else if let Some(trip) = &fact.trip {
            Some(format!("it was disabled: {}; `raccord resume {name}` starts it again", trip.cause))
        } else if is_paused(&fact, now) {
            Some(format!("it is paused; `raccord resume {name}` starts it again"))
        } else {
            None
        };
        if let Some(reason) = reason {
            selection.skipped.push((name.clone(), reason));
            continue;
        }
        let subscriber = Subscriber { name: name.clone(), uid, breaker: spec.breaker.clone() };
        add(&mut selection, applied, &subscriber, spec);
    }
    Ok(selection)
}

fn add(selection: &mut Selection, applied: &Applied, subscriber: &Subscriber, spec: &IntegrationSpec) {
    for (transfer, subscription) in &spec.subscriptions {
        let is_active = applied.desired.transfer(transfer).is_some_and(|spec| spec.active);
        if !is_active {
            selection.skipped.push((transfer.clone(), "the transfer is not active".to_owned()));
            continue;
        }
        let updates = match subscription {
            ByNameOrInline::Inline(subscription) => subscription.updates.clone(),
            // An applied integration has its subscriptions inline.
            ByNameOrInline::ByName(_) => continue,
        };
        selection.by_transfer.entry(transfer.clone()).or_default().push((subscriber.clone(), updates));
    }
}

/// Everyone who subscribes to a transfer, whatever their state: for work outside a run.
pub fn subscribers(applied: &Applied, transfer: &Name) -> Vec<(Subscriber, Updates)> {
    applied
        .integrations()
        .filter_map(|(name, uid, spec)| {
            let updates = spec.subscriptions.get(transfer)?.inline()?.updates.clone();
            Some((Subscriber { name: name.clone(), uid, breaker: spec.breaker.clone() }, updates))
        })
        .collect()
}
