//! The state as a whole: where it stands, what it holds, whether it is whole, and a copy of it.

use std::path::PathBuf;

use crate::reply::{Replies, RequestError};
use crate::request::Reply;
use raccord_run::Ports;

/// Where the state stands.
pub async fn head(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    replies(Reply::Head(ports.state.head().await?));
    Ok(())
}

/// What the state holds, in numbers.
pub async fn info(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    replies(Reply::Info(ports.upkeep.info().await?));
    Ok(())
}

/// Whether the state is whole.
pub async fn check(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    replies(Reply::Checked(ports.upkeep.check().await?));
    Ok(())
}

/// Copies the state into a new file.
pub async fn backup(ports: &Ports, to: PathBuf, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    ports.upkeep.backup(to.clone()).await?;
    replies(Reply::Done(format!("backed up to {}", to.display())));
    Ok(())
}
