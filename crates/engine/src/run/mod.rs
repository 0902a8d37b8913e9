//! Runs: which transfers run, one run of each, and what it means for the breaker.
//!
//! [`mod@step`] decides what runs when, [`mod@execute`] runs one, [`conclude`] writes what happened. This module is
//! the shell that carries the effects out.

pub mod breaker;
pub mod conclude;
pub mod execute;
pub mod job;
pub mod page;
pub mod select;
pub mod step;
pub mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_model::fact::{EntityFact, IntegrationFact, Run, RunId, RunOutcome, Tally};
use raccord_model::port::state::Table;
use raccord_model::{Kind, Name};
use raccord_store::failpoint::Failpoint;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::applied::Applied;
use crate::engine::{Engine, EngineError};
use crate::facts::put;
use crate::request::{Progress, Reply, RunReport};
use crate::sources::Sources;
use execute::{OnPage, Surroundings, execute};
use job::Job;
use select::Selection;
use step::{Candidate, Effect, Event, State, step};

/// Runs the activated integrations of the generation in force once; all of them, or those named.
pub async fn run_once(
    engine: &Engine,
    integrations: &[Name],
    stop: watch::Receiver<bool>,
    reply: &mut (dyn FnMut(Reply) + Send),
) -> Result<RunReport, EngineError> {
    crate::steps::carry_out(&engine.facts(), engine.sink.as_ref()).await?;
    conclude::tidy_runs(engine).await?;
    let applied = Arc::new(Applied::load(&engine.state).await?);
    let selection = select::select(engine, &applied, integrations).await?;
    let candidates = selection.candidates(&applied);
    let mut shell = Shell::new(engine, applied, selection, stop);
    shell.drive(candidates, reply).await?;
    Ok(RunReport { runs: shell.ended, skipped: shell.selection.skipped })
}

struct Shell<'e> {
    engine: &'e Engine,
    applied: Arc<Applied>,
    selection: Selection,
    sources: Sources,
    stop: watch::Receiver<bool>,
    tasks: JoinSet<(Arc<Job>, Run)>,
    progress: (mpsc::UnboundedSender<Progress>, mpsc::UnboundedReceiver<Progress>),
    ended: Vec<Run>,
}

impl<'e> Shell<'e> {
    fn new(
        engine: &'e Engine,
        applied: Arc<Applied>,
        selection: Selection,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let sources = Sources::new(Arc::clone(&engine.environment));
        let (tasks, progress) = (JoinSet::new(), mpsc::unbounded_channel());
        Self { engine, applied, selection, sources, stop, tasks, progress, ended: Vec::new() }
    }

    /// Feeds events to `step` and carries its effects out until nothing is left.
    async fn drive(
        &mut self,
        candidates: Vec<Candidate>,
        reply: &mut (dyn FnMut(Reply) + Send),
    ) -> Result<(), EngineError> {
        let mut state = State { limits: self.applied.desired.stack_settings().limits, ..State::default() };
        let mut events = vec![Event::RunRequested(candidates)];
        loop {
            while let Some(event) = events.pop() {
                let (next, effects) = step(state, event);
                state = next;
                for effect in effects {
                    match effect {
                        Effect::StartRun(name) => events.extend(self.start(&name, reply).await?),
                        // Each run looks at the stop signal itself, between two pages.
                        Effect::StopRuns => {}
                        Effect::Finish => return Ok(()),
                    }
                }
            }
            events.push(self.wait(state.stopping, reply).await?);
        }
    }

    /// Begins a run; when it cannot even begin, it has ended.
    async fn start(
        &mut self,
        name: &Name,
        reply: &mut (dyn FnMut(Reply) + Send),
    ) -> Result<Option<Event>, EngineError> {
        let ended = Ok(Some(Event::RunEnded(name.clone())));
        let Some((job, subscribers)) = self.prepare(name).await? else { return ended };
        let mut run = self.new_run(&job);
        self.engine.facts().commit(vec![put(Table::Runs, &run.id, &run)?]).await?;
        Failpoint::RunBegun.pass();
        let held = self.last_was_held(&job).await?;
        let source = match self.sources.open(&self.applied, &job) {
            Ok(source) => source,
            Err(error) => {
                let unauthorized = error.is_unauthorized();
                run.outcome = RunOutcome::Failed { error: error.to_string(), unauthorized };
                run.ended = Some(self.engine.environment.now());
                self.end(&job, run, reply).await?;
                return ended;
            }
        };
        let surroundings = Surroundings {
            source,
            sink: Arc::clone(&self.engine.sink),
            environment: Arc::clone(&self.engine.environment),
            stop: self.stop.clone(),
            progress: self.progress_of(&job),
            subscribers,
            held,
        };
        let job = Arc::new(job);
        self.tasks.spawn(async move {
            execute(&job, &mut run, &surroundings).await;
            (job, run)
        });
        Ok(None)
    }

    /// Compiles a transfer, unless every integration that wanted it has been disabled meanwhile.
    async fn prepare(&mut self, name: &Name) -> Result<Option<(Job, Vec<IntegrationFact>)>, EngineError> {
        let facts = self.engine.facts();
        let mut wanted = Vec::new();
        let mut known = Vec::new();
        for (subscriber, updates) in self.selection.subscribers(name) {
            let fact = facts.integration(subscriber.uid).await?;
            if fact.trip.is_none() {
                wanted.push((subscriber, updates));
                known.push(fact);
            }
        }
        if wanted.is_empty() {
            self.selection
                .skipped
                .push((name.clone(), "its integration was disabled during this run".to_owned()));
            return Ok(None);
        }
        let entity = self.entity_fact(name).await?;
        let uid = self
            .applied
            .uid(Kind::Transfer, name)
            .ok_or_else(|| EngineError::unknown(Kind::Transfer, name, self.applied.index.keys()))?;
        let fact = facts.transfer(uid).await?;
        Ok(Some((job::prepare(&self.applied, name, fact, &entity, wanted)?, known)))
    }

    async fn entity_fact(&self, transfer: &Name) -> Result<EntityFact, EngineError> {
        let to = self.applied.desired.transfer(transfer).map(|spec| spec.to.clone());
        let to =
            to.ok_or_else(|| EngineError::unknown(Kind::Transfer, transfer, self.applied.index.keys()))?;
        crate::verb::entity(&self.engine.facts(), &self.applied, &to).await.map(|(_, fact)| fact)
    }

    async fn last_was_held(&self, job: &Job) -> Result<bool, EngineError> {
        let Some(last) = job.fact.last_run else { return Ok(false) };
        let run = self.engine.facts().run(last).await?;
        Ok(run.is_some_and(|run| matches!(run.outcome, RunOutcome::Held { .. })))
    }

    fn new_run(&self, job: &Job) -> Run {
        Run {
            id: RunId(self.engine.environment.new_id()),
            transfer_uid: job.uid,
            transfer: job.transfer.clone(),
            to: job.spec.to.clone(),
            generation: job.fence.generation,
            started: self.engine.environment.now(),
            ended: None,
            outcome: RunOutcome::Running,
            tally: Tally::default(),
            pages: 0,
        }
    }

    fn progress_of(&self, job: &Job) -> OnPage {
        let (sender, transfer) = (self.progress.0.clone(), job.transfer.clone());
        Box::new(move |tally, pages| {
            // Nobody listens any more once the report is under way.
            drop(sender.send(Progress { transfer: transfer.clone(), tally: *tally, pages }));
        })
    }

    /// Waits for the next thing to happen, passing progress on meanwhile.
    async fn wait(
        &mut self,
        stopping: bool,
        reply: &mut (dyn FnMut(Reply) + Send),
    ) -> Result<Event, EngineError> {
        loop {
            tokio::select! {
                Some(progress) = self.progress.1.recv() => reply(Reply::Progress(progress)),
                Some(ended) = self.tasks.join_next() => {
                    let (job, run) = ended.map_err(EngineError::Task)?;
                    let name = job.transfer.clone();
                    while let Ok(progress) = self.progress.1.try_recv() {
                        reply(Reply::Progress(progress));
                    }
                    self.end(&job, run, reply).await?;
                    return Ok(Event::RunEnded(name));
                }
                // A sender that is gone can ask for nothing more.
                Ok(()) = self.stop.changed(), if !stopping => {
                    if *self.stop.borrow() {
                        return Ok(Event::StopRequested);
                    }
                }
            }
        }
    }

    async fn end(
        &mut self,
        job: &Job,
        run: Run,
        reply: &mut (dyn FnMut(Reply) + Send),
    ) -> Result<(), EngineError> {
        Failpoint::RunEndBefore.pass();
        conclude::conclude(self.engine, job, &run).await?;
        Failpoint::RunEndAfter.pass();
        reply(Reply::Run(run.clone()));
        self.ended.push(run);
        Ok(())
    }
}

/// The transfers and their subscribers, by transfer.
type ByTransfer<T> = BTreeMap<Name, Vec<T>>;
