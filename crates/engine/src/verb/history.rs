//! Generations: what was applied when, and the configuration of an earlier one.

use std::collections::BTreeMap;

use raccord_plan::{restore, rollback};

use super::apply::generations;
use crate::applied::open_bodies;
use crate::engine::{Engine, EngineError, Replies};
use crate::request::Reply;

/// Generations, newest first.
pub async fn history(engine: &Engine, limit: usize, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    for generation in generations(engine, limit).await? {
        replies(Reply::Generation(generation));
    }
    Ok(())
}

/// The configuration of a generation; without a number, of the one in force.
pub async fn generation(
    engine: &Engine,
    number: Option<u64>,
    replies: &mut Replies<'_>,
) -> Result<(), EngineError> {
    let head = engine.state.head().await?;
    let index = engine.state.index().await?;
    let then = match number {
        Some(number) => rollback(&index, &generations(engine, usize::MAX).await?, number)?,
        None => index.clone(),
    };
    let opened = open_bodies(&engine.state, &then).await?;
    let bodies: BTreeMap<_, _> =
        opened.into_values().map(|(entry, resource)| (entry.digest, resource)).collect();
    let desired =
        restore(&then, &index, &bodies, &head).map_err(|error| EngineError::Invalid(error.to_string()))?;
    replies(Reply::Desired(Box::new(desired)));
    Ok(())
}
