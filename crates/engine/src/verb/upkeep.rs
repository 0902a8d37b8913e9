//! The state as a whole: where it stands, what it holds, whether it is whole, and a copy of it.

use std::path::PathBuf;

use crate::engine::{Engine, EngineError, Replies};
use crate::request::Reply;

/// Where the state stands.
pub async fn head(engine: &Engine, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    replies(Reply::Head(engine.state.head().await?));
    Ok(())
}

/// What the state holds, in numbers.
pub async fn info(engine: &Engine, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    replies(Reply::Info(engine.upkeep.info().await?));
    Ok(())
}

/// Whether the state is whole.
pub async fn check(engine: &Engine, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    replies(Reply::Checked(engine.upkeep.check().await?));
    Ok(())
}

/// Copies the state into a new file.
pub async fn backup(engine: &Engine, to: PathBuf, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    engine.upkeep.backup(to.clone()).await?;
    replies(Reply::Done(format!("backed up to {}", to.display())));
    Ok(())
}
