//! `raccord run`: the same machine as the daemon's, without schedules and reload. It ends with what was asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use raccord_model::Name;
use tokio::sync::{mpsc, oneshot, watch};

use super::core::{Asked, Core, PROGRESS, RunNews};
use crate::alert::deliver::deliver_after_runs;
use crate::error::DaemonError;
use crate::step::{Effect, Event, Policy};
use raccord_run::Ports;
use raccord_run::report::RunReport;
use raccord_run::{conclude, select};

/// Runs the activated integrations of the generation in force once; all of them, or those named.
pub async fn run_once(
    ports: &Ports,
    integrations: &[Name],
    mut stop: watch::Receiver<bool>,
    news: &mut (dyn FnMut(RunNews) + Send),
) -> Result<RunReport, DaemonError> {
    crate::steps::carry_out(ports).await?;
    conclude::tidy_runs(ports, &BTreeSet::new()).await?;
    let applied = ports.applied().await?;
    let (mut core, mut progress) = Core::new(ports, Arc::clone(&applied), Policy::Once);
    let (sender, mut told) = mpsc::channel(PROGRESS);
    let (done, mut report) = oneshot::channel();
    core.begin().await?;
    let mut effects =
        core.ask(Asked { number: 0, integrations: integrations.to_vec(), news: sender, done }).await;
    let mut is_stopping = false;
    while !effects.contains(&Effect::Finish) && report.is_empty() {
        effects = tokio::select! {
            biased;
            Some(progress) = progress.recv() => {
                core.tell(&progress);
                Vec::new()
            }
            ended = core.executor.ended() => {
                let mut ended = ended?;
                if let Some(error) = ended.error.take() {
                    return Err(error.into());
                }
                core.ended(ended).await?
            }
            // A sender that is gone can ask for nothing more.
            Ok(()) = stop.changed(), if !is_stopping => {
                is_stopping = *stop.borrow();
                if is_stopping { core.feed(Event::StopRequested) } else { Vec::new() }
            }
        };
        hand_on(&mut told, news);
    }
    hand_on(&mut told, news);
    let report = report.try_recv();
    let mut report: RunReport = report.map_err(|_| DaemonError::NoReport)??;
    select::look_back(ports, &applied, integrations, &mut report).await?;
    report.notes.extend(select::waiting(ports, &applied, integrations).await?);
    if !is_stopping {
        report.undelivered = deliver_after_runs(ports).await;
    }
    Ok(report)
}

fn hand_on(told: &mut mpsc::Receiver<RunNews>, news: &mut (dyn FnMut(RunNews) + Send)) {
    while let Ok(one) = told.try_recv() {
        news(one);
    }
}
