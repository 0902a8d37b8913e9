//! Steps: effects outside a generation, carried out and retried until they are done. Those that tell services of webhooks
//! are carried out elsewhere, see `registration`.

use std::sync::Arc;

use raccord_model::EntityRef;
use raccord_model::Kind;
use raccord_model::Name;
use raccord_model::fact::{StepFact, StepWork, StorePlace, Uid};
use raccord_model::failpoint::Failpoint;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::state::{Scan, Table, Write};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::facts::put;
use raccord_run::tables;

use crate::error::DaemonError;

/// Carries out every outstanding step of the state and of databases; one that fails stays, with its error. The fewest
/// attempts that one of those has had come back, and nothing when none is left.
pub async fn carry_out(ports: &Ports) -> Result<Option<u32>, DaemonError> {
    let mut steps = ports.facts().scan::<StepFact>(Table::Steps, Scan::default()).await?;
    steps.retain(|(_, step)| !matches!(step.work, StepWork::Webhook { .. }));
    if steps.is_empty() {
        return Ok(None);
    }
    let mut work = Work { ports, applied: ports.applied().await?, silent: Vec::new() };
    let mut left = None;
    for (key, step) in steps {
        Failpoint::StepBefore.pass();
        let done = work.one(&step.work).await?;
        Failpoint::StepAfter.pass();
        let write = match done {
            Ok(()) => Write::Remove(Table::Steps, key),
            Err(error) => {
                let step = StepFact { attempts: step.attempts.saturating_add(1), error: Some(error), ..step };
                let attempts = step.attempts;
                let error = step.error.as_deref().unwrap_or_default();
                tracing::warn!(error, attempts, "a step of an apply could not be carried out");
                left = left.into_iter().chain([attempts]).min();
                put(Table::Steps, &key, &step)?
            }
        };
        ports.facts().commit(vec![write]).await?;
    }
    Ok(left)
}

/// The steps of one pass.
struct Work<'a> {
    ports: &'a Ports,
    applied: Arc<Applied>,
    /// The databases that could not be reached in this pass, which are not tried for each of their steps, and why.
    silent: Vec<(StorePlace, String)>,
}

impl Work<'_> {
    /// Carries out a step. The inner error is in words.
    async fn one(&mut self, work: &StepWork) -> Result<Result<(), String>, DaemonError> {
        let (place, entity) = match work {
            StepWork::Collect { at, .. } | StepWork::End { at, .. } => (at.clone(), None),
            StepWork::Prepare { project, entity } => match self.entity(*project, entity.as_str()) {
                // It is gone with a later apply.
                None => return Ok(Ok(())),
                Some((place, entity)) => (place, Some((*project, entity))),
            },
            StepWork::Webhook { .. } => return Ok(Ok(())),
        };
        if let Some((_, why)) = self.silent.iter().find(|(silent, _)| *silent == place) {
            return Ok(Err(why.clone()));
        }
        let done = self.at(&place, work, entity).await?;
        Ok(done.map_err(|error| {
            let words = error.in_words();
            if matches!(error, DestinationError::Unreachable(_) | DestinationError::Denied(_)) {
                self.silent.push((place, words.clone()));
            }
            words
        }))
    }

    async fn at(
        &self,
        place: &StorePlace,
        work: &StepWork,
        entity: Option<(Uid, EntityRef)>,
    ) -> Result<Result<(), DestinationError>, DaemonError> {
        let rows = match self.ports.rows_at(place, &self.applied.desired.root) {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error)),
        };
        let destination = rows.destination.as_ref();
        Ok(match (work, entity) {
            (StepWork::Collect { incarnation, .. }, _) => destination.collect(*incarnation).await.map(|_| ()),
            (StepWork::End { transfer, .. }, _) => destination.end(*transfer).await,
            (StepWork::Prepare { .. }, Some((project, entity))) => {
                let shape = tables::shape(self.ports, &self.applied, (project, &entity)).await?;
                destination.prepare(shape).await
            }
            (StepWork::Prepare { .. } | StepWork::Webhook { .. }, _) => Ok(()),
        })
    }

    /// An entity of the generation in force, and where its rows are; nothing when it is gone or needs no table.
    fn entity(&self, project: Uid, entity: &str) -> Option<(StorePlace, EntityRef)> {
        let is_it = |name: &&Name| self.applied.uid(Kind::Project, name) == Some(project);
        let projects = self.applied.index.keys().filter(|key| key.kind == Kind::Project);
        let name = projects.map(|key| &key.name).find(is_it)?;
        let spec = self.applied.desired.project(name)?;
        let (entity, _) = spec.entities.get_key_value(entity)?;
        let place = self.applied.desired.store_place(spec).filter(|place| *place != StorePlace::Embedded)?;
        Some((place, EntityRef { project: name.clone(), entity: entity.clone() }))
    }
}
