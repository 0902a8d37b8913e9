//! The tables of entities: what there is, what would have to be done, why it cannot be, and doing it. It adds schemas, tables,
//! columns and constraints and widens types; it drops nothing, narrows nothing and renames nothing.

mod catalog;
mod inspection_cache;
mod judge;
mod rekey;
mod shared;
mod types;

use raccord_model::port::destination::{DestinationError, EntityShape, Inspection};
use tokio_postgres::types::Type;

use crate::connections::{Session, value};
use crate::error::Failure;
use crate::fence::{self, signed};

pub(crate) use inspection_cache::InspectionCache;

/// Looks at the table of an entity.
pub(crate) async fn inspect(
    session: &Session<'_>,
    schema: &str,
    shape: &EntityShape,
) -> Result<Inspection, Failure> {
    let mut found = catalog::read(session, schema, shape).await?;
    found.shared = shared::look(session, schema, shape, &found).await?;
    Ok(judge::judge(schema, shape, &found).inspection)
}

/// Looks at the table of an entity again: with one query, when it was ready before and nothing about it has changed since.
pub(crate) async fn inspect_cached(
    session: &Session<'_>,
    cache: &InspectionCache,
    schema: &str,
    shape: EntityShape,
) -> Result<Inspection, Failure> {
    // Without the tables of its own there are no versions, and the look itself says what is missing.
    let versions = inspection_cache::catalog_versions(session, schema, &shape).await.unwrap_or_default();
    if versions.as_ref().is_some_and(|versions| cache.is_unchanged(schema, &shape, versions)) {
        return Ok(Inspection::default());
    }
    let inspection = inspect(session, schema, &shape).await?;
    cache.keep(schema, shape, versions, &inspection);
    Ok(inspection)
}

/// Makes it ready, and registers it. What it had is read again when it is made anew.
pub(crate) async fn prepare(session: &Session<'_>, schema: &str, shape: &EntityShape) -> Result<(), Failure> {
    // One at a time: two processes would add the same column.
    session.query("SELECT pg_advisory_xact_lock(7305453110512842)", &[]).await?;
    rekey::remove_replaced(session, schema, shape).await?;
    let mut found = catalog::read(session, schema, shape).await?;
    found.shared = shared::count(session, schema, shape, &found).await?;
    let judged = judge::judge(schema, shape, &found);
    if !judged.inspection.refusals.is_empty() {
        return Err(DestinationError::Unfit(judged.inspection.refusals).into());
    }
    for statement in &judged.inspection.statements {
        session.run(statement).await?;
    }
    // Only now what was added has its number.
    let found = catalog::read(session, schema, shape).await?;
    let table = serde_json::to_string(&judge::judge(schema, shape, &found).table)?;
    let entity = shape.entity.to_string();
    let register = "INSERT INTO raccord.entities (incarnation, project, entity, shape) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (incarnation) DO UPDATE SET entity = excluded.entity, shape = excluded.shape";
    let incarnation = signed(shape.incarnation);
    let values = [
        value(&incarnation, Type::INT8),
        (&shape.project.0, Type::UUID),
        (&entity, Type::TEXT),
        (&table, Type::TEXT),
    ];
    session.execute(register, &values).await?;
    if judged.inspection.recreated {
        if let Some(side) = judged.table.side_table() {
            session.run(&format!("UPDATE {side} SET _raccord_digest = NULL")).await?;
        }
        for transfer in &shape.fed_by {
            fence::begin_anew(session, *transfer).await?;
        }
    }
    Ok(())
}
