//! A shared state that this process has open, with the ports on it.

use std::sync::Arc;

use raccord_daemon::worker::{Hints, Scheduling, Worker};
use raccord_model::port::environment::Environment;
use raccord_model::port::queue::Queue;
use raccord_postgres::{MemberKind, PostgresState};
use raccord_run::Ports;
use raccord_store::Store;
use tokio::sync::watch;
use uuid::Uuid;

use super::connect::open;
use super::presence::{self, Watching};
use crate::error::CommandError;
use crate::opening::{Opening, system};
use crate::place::SharedPlace;
use crate::ports::{imagined_ports, shared_ports};
use crate::ui::Ui;

/// A shared state that this process has open.
pub(crate) enum Sharing {
    /// For one verb.
    Verb {
        /// The state.
        state: PostgresState,
        /// The verb.
        verb: String,
        /// Where identities come from.
        environment: Arc<dyn Environment>,
    },
    /// As its daemon.
    Daemon(Watching),
}

impl Sharing {
    /// Does what changes something, unless a daemon has the state.
    pub(crate) async fn changing<T>(&self, work: impl Future<Output = T>) -> Result<T, CommandError> {
        match self {
            Self::Verb { state, verb, environment } => {
                presence::changing(state, (environment.new_id(), verb), work).await
            }
            Self::Daemon(_) => Ok(work.await),
        }
    }

    /// What the daemon offers runs with to all that are on the state.
    pub(crate) fn scheduling(&self, waiting: &Waiting) -> Option<Scheduling> {
        match self {
            Self::Verb { .. } => None,
            Self::Daemon(watching) => Some(Scheduling {
                queue: waiting.queue(),
                held: watching.held().clone(),
                hints: waiting.hints.clone(),
            }),
        }
    }

    /// Renews what the daemon holds, until that is lost.
    pub(crate) async fn until_lost(&self) {
        match self {
            Self::Verb { .. } => std::future::pending().await,
            Self::Daemon(watching) => watching.until_lost().await,
        }
    }

    /// Gives the state back.
    pub(crate) async fn end(self) -> Result<(), CommandError> {
        match self {
            Self::Verb { .. } => Ok(()),
            Self::Daemon(watching) => watching.end().await,
        }
    }
}

/// The ports on a state for a verb. Of one that is not there yet what a new one would be, in memory alone.
pub(crate) async fn reach(
    place: &SharedPlace,
    verb: &str,
    opening: Opening,
) -> Result<(Ports, Option<Sharing>), CommandError> {
    let environment: Arc<dyn Environment> = Arc::new(system()?);
    let Some(state) = open(place, &environment, opening).await? else {
        let store = Store::in_memory(&std::path::PathBuf::from(place.to_string()));
        let store = store.map_err(|error| CommandError::of(&error))?;
        return Ok((imagined_ports(store, system()?), None));
    };
    let ports = shared_ports(&state, Arc::clone(&environment));
    Ok((ports, Some(Sharing::Verb { state, verb: verb.to_owned(), environment })))
}

/// A state whose daemon this process is to be.
pub(crate) struct Waiting {
    state: PostgresState,
    environment: Arc<dyn Environment>,
    /// Which daemon this one is among those on the state.
    id: Uuid,
    hints: Hints,
}

/// Opens the state whose daemon this process is to be.
pub(crate) async fn waiting(place: &SharedPlace) -> Result<Waiting, CommandError> {
    let environment: Arc<dyn Environment> = Arc::new(system()?);
    let state = open(place, &environment, Opening::Create).await?;
    let state = state.ok_or_else(|| CommandError::new("there is no state in the database"))?;
    let id = environment.new_id();
    Ok(Waiting { state, environment, id, hints: Hints::default() })
}

impl Waiting {
    /// The ports on the state.
    pub(crate) fn ports(&self) -> Ports {
        shared_ports(&self.state, Arc::clone(&self.environment))
    }

    fn queue(&self) -> Arc<dyn Queue> {
        Arc::new(self.state.clone())
    }

    /// Makes the runs that stand in the queue of the state.
    pub(crate) async fn worker(&self, ports: &Ports) -> Result<Worker, CommandError> {
        let worker = Worker::new(ports, self.queue(), self.id, self.hints.clone()).await;
        worker.map_err(|error| CommandError::of(&error))
    }

    /// Waits until no other process is in the way; nothing when an end was asked for before. `others` hears who is.
    pub(crate) async fn turn(
        &self,
        ui: &Ui,
        stop: &mut watch::Receiver<bool>,
        others: impl Fn(Option<&str>),
    ) -> Result<Option<Sharing>, CommandError> {
        let told = |other: Option<&str>| others(other);
        let begun = presence::begin(ui, (&self.state, self.id), stop, &told).await?;
        Ok(begun.map(Sharing::Daemon))
    }
}

/// Who works on a state at the moment, a line for each.
pub(crate) async fn daemons(place: &SharedPlace) -> Result<Vec<String>, CommandError> {
    let environment: Arc<dyn Environment> = Arc::new(system()?);
    let Some(state) = open(place, &environment, Opening::Existing).await? else { return Ok(Vec::new()) };
    let members = state.members().await.map_err(|error| CommandError::of(&error))?;
    let line = |member: raccord_postgres::Member| {
        let does = match member.kind {
            MemberKind::Daemon => "runs what is due",
            MemberKind::Standby => "stands by",
            MemberKind::Verb => "changes something",
        };
        let runs = match (member.kind, member.runs) {
            (MemberKind::Verb, _) => String::new(),
            (_, 1) => ", makes 1 run".to_owned(),
            (_, runs) => format!(", makes {runs} runs"),
        };
        let silence = presence::silence(member.remaining);
        format!("{does:<18}{}{runs}, silent since {silence} ms", member.description)
    };
    Ok(members.into_iter().map(line).collect())
}
