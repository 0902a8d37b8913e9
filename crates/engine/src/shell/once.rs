//! `raccord run`: the same machine as the daemon's, without schedules and reload. It ends with what was asked.

use std::sync::Arc;

use raccord_model::Name;
use tokio::sync::{mpsc, oneshot, watch};

use super::core::{Asked, Core, PROGRESS};
use crate::alert::deliver::deliver_after_runs;
use crate::applied::Applied;
use crate::daemon::{Effect, Event, Policy};
use crate::engine::{Engine, EngineError, Replies};
use crate::request::{Reply, RunReport};
use crate::run::{conclude, select};

/// Runs the activated integrations of the generation in force once; all of them, or those named.
pub async fn run_once(
    engine: &Engine,
    integrations: &[Name],
    mut stop: watch::Receiver<bool>,
    replies: &mut Replies<'_>,
) -> Result<(), EngineError> {
    crate::steps::carry_out(&engine.facts(), engine.sink.as_ref()).await?;
    conclude::tidy_runs(engine).await?;
    let applied = Arc::new(Applied::load(&engine.state).await?);
    let (mut core, mut progress) = Core::new(engine, Arc::clone(&applied), Policy::Once);
    let (sender, mut parts) = mpsc::channel(PROGRESS);
    let (done, mut report) = oneshot::channel();
    core.begin().await?;
    let mut effects =
        core.ask(Asked { number: 0, integrations: integrations.to_vec(), replies: sender, done }).await;
    let mut is_stopping = false;
    while !effects.contains(&Effect::Finish) && report.is_empty() {
        effects = tokio::select! {
            biased;
            Some(progress) = progress.recv() => {
                core.tell(&progress);
                Vec::new()
            }
            ended = core.runner.ended() => {
                let mut ended = ended?;
                if let Some(error) = ended.error.take() {
                    return Err(error);
                }
                core.ended(ended).await?
            }
            // A sender that is gone can ask for nothing more.
            Ok(()) = stop.changed(), if !is_stopping => {
                is_stopping = *stop.borrow();
                if is_stopping { core.feed(Event::StopRequested) } else { Vec::new() }
            }
        };
        hand_on(&mut parts, replies);
    }
    hand_on(&mut parts, replies);
    let report = report.try_recv();
    let mut report: RunReport =
        report.map_err(|_| EngineError::Invalid("the runs ended without a report".to_owned()))??;
    select::look_back(engine, &applied, integrations, &mut report).await?;
    if !is_stopping {
        report.undelivered = deliver_after_runs(engine).await;
    }
    replies(Reply::Report(report));
    Ok(())
}

fn hand_on(parts: &mut mpsc::Receiver<Reply>, replies: &mut Replies<'_>) {
    while let Ok(part) = parts.try_recv() {
        replies(part);
    }
}
