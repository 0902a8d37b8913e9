//! The verbs, one file each or a few that belong together. Each answers through replies and prints nothing.

pub mod alert;
pub mod apply;
pub mod approve;
pub mod audit;
pub mod deliveries;
pub mod discover;
pub mod explain;
pub mod history;
pub mod operate;
pub mod plan;
pub mod preview;
pub mod prove;
pub mod records;
pub mod rejects;
pub mod sample;
pub mod source;
pub mod status;
pub mod token;
pub mod upkeep;

use raccord_model::fact::EntityFact;
use raccord_model::language::Entity;
use raccord_model::port::state::Table;
use raccord_model::{EntityRef, Kind};

use crate::applied::Applied;
use crate::engine::EngineError;
use crate::facts::Facts;

/// An entity of the generation in force, and what is known of it.
pub async fn entity<'a>(
    facts: &Facts,
    applied: &'a Applied,
    at: &EntityRef,
) -> Result<(&'a Entity, EntityFact), EngineError> {
    let project = applied
        .desired
        .project(&at.project)
        .ok_or_else(|| EngineError::unknown(Kind::Project, &at.project, applied.index.keys()))?;
    let entity = project.entities.get(&at.entity).ok_or_else(|| EngineError::Unknown {
        kind: "entity",
        name: at.to_string(),
        hint: format!(
            "; the project has {}",
            project.entities.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    })?;
    let uid = applied
        .uid(Kind::Project, &at.project)
        .ok_or_else(|| EngineError::unknown(Kind::Project, &at.project, applied.index.keys()))?;
    let key = format!("{uid}/{}", at.entity);
    let fact = facts.get(Table::Entities, &key).await?.ok_or_else(|| {
        EngineError::Invalid(format!("the state knows nothing of the entity `{at}`; apply again"))
    })?;
    Ok((entity, fact))
}
