//! An entity of the generation in force, and what the state knows of it.

use raccord_model::fact::EntityFact;
use raccord_model::language::Entity;
use raccord_model::port::state::Table;
use raccord_model::{EntityRef, Kind};

use crate::applied::Applied;
use crate::facts::Facts;
use crate::ports::RunnerError;
use crate::unknown::Unknown;

/// An entity of the generation in force, and what is known of it.
pub async fn entity<'a>(
    facts: &Facts,
    applied: &'a Applied,
    at: &EntityRef,
) -> Result<(&'a Entity, EntityFact), RunnerError> {
    let (entity, key) = entity_key(applied, at)?;
    let fact = facts.get(Table::Entities, &key).await?;
    let fact = fact.ok_or_else(|| RunnerError::UnknownEntity(at.clone()))?;
    Ok((entity, fact))
}

/// An entity of the generation in force, and under which key the state knows of it.
pub fn entity_key<'a>(applied: &'a Applied, at: &EntityRef) -> Result<(&'a Entity, String), Unknown> {
    let no_project = || Unknown::in_force(Kind::Project, &at.project, applied.index.keys());
    let project = applied.desired.project(&at.project).ok_or_else(no_project)?;
    let entity = project.entities.get(&at.entity).ok_or_else(|| {
        let known = project.entities.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        Unknown {
            kind: "entity",
            name: at.to_string(),
            hint: format!("; the project has {}", known.join(", ")),
        }
    })?;
    let uid = applied.uid(Kind::Project, &at.project).ok_or_else(no_project)?;
    Ok((entity, format!("{uid}/{}", at.entity)))
}
