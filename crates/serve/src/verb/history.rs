//! Generations: what was applied when, and the configuration of an earlier one.

use std::collections::BTreeMap;

use raccord_plan::{restore, rollback};

use crate::reply::{Replies, RequestError};
use crate::request::Reply;
use raccord_daemon::apply::generations;
use raccord_run::Ports;
use raccord_run::applied::open_bodies;

/// Generations, newest first.
pub async fn history(ports: &Ports, limit: usize, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    for generation in generations(ports, limit).await? {
        replies(Reply::Generation(generation));
    }
    Ok(())
}

/// The configuration of a generation; without a number, of the one in force.
pub async fn generation(
    ports: &Ports,
    number: Option<u64>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let head = ports.state.head().await?;
    let index = ports.state.index().await?;
    let then = match number {
        Some(number) => rollback(&index, &generations(ports, usize::MAX).await?, number)?,
        None => index.clone(),
    };
    let opened = open_bodies(&ports.state, &then).await?;
    let bodies: BTreeMap<_, _> =
        opened.into_values().map(|(entry, resource)| (entry.digest, resource)).collect();
    let desired =
        restore(&then, &index, &bodies, &head).map_err(|error| RequestError::Invalid(error.to_string()))?;
    replies(Reply::Desired(Box::new(desired)));
    Ok(())
}
