//! Who works on a shared state: one `raccord watch` at a time, which holds a lease, and verbs that change something, which
//! are listed while they work. Either says that it is there before it looks for the other, so that at least one sees both.
//!
//! It keeps people's work from getting into each other's way. That nothing is lost or doubled if it fails is the affair of
//! serials, revisions and fences.

use std::time::Duration;

use raccord_model::port::lease::{Held, Lease as _};
use raccord_postgres::{Member, MemberKind, PostgresState};
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use crate::error::CommandError;
use crate::ui::Ui;

/// The lease of the daemon that runs what is due.
const LEASE: &str = "watch";

/// How long a silent process is still taken to be there, and how often one says that it is.
const TTL: Duration = Duration::from_secs(15);
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How often one that stands by looks whether it is its turn.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How a process is called in messages.
fn description(verb: &str) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("`raccord {verb}` (process {} on {host})", std::process::id())
}

/// For how many milliseconds a process has said nothing whose entry lasts so many more.
pub(crate) fn silence(remaining: u64) -> u64 {
    u64::try_from(TTL.as_millis()).unwrap_or(u64::MAX).saturating_sub(remaining)
}

/// A process that is listed at a state.
pub(crate) struct Presence {
    state: PostgresState,
    id: Uuid,
    kind: MemberKind,
    description: String,
}

impl Presence {
    async fn enter(
        state: &PostgresState,
        id: Uuid,
        kind: MemberKind,
        verb: &str,
    ) -> Result<Self, CommandError> {
        let presence = Self { state: state.clone(), id, kind, description: description(verb) };
        presence.renew().await?;
        Ok(presence)
    }

    async fn renew(&self) -> Result<(), CommandError> {
        let entered = self.state.enter(self.id, self.kind, &self.description, TTL).await;
        entered.map_err(|error| CommandError::of(&error))
    }

    /// The others of a kind.
    async fn others(&self, kind: MemberKind) -> Result<Vec<Member>, CommandError> {
        let mut members = self.state.members().await.map_err(|error| CommandError::of(&error))?;
        members.retain(|member| member.kind == kind && member.id != self.id);
        Ok(members)
    }

    async fn leave(&self) -> Result<(), CommandError> {
        self.state.leave(self.id).await.map_err(|error| CommandError::of(&error))
    }
}

/// Does what changes something, unless a daemon has the state.
pub(crate) async fn changing<T>(
    state: &PostgresState,
    (id, verb): (Uuid, &str),
    work: impl Future<Output = T>,
) -> Result<T, CommandError> {
    let presence = Presence::enter(state, id, MemberKind::Verb, verb).await?;
    if let Some(daemon) = presence.others(MemberKind::Daemon).await?.first() {
        presence.leave().await?;
        return Err(CommandError::new(format!("{} runs on this state", daemon.description)).hint(
            "ask it: --server URL with a token, or from the directory in which it runs; or stop it first",
        ));
    }
    let renewing = async {
        loop {
            sleep(HEARTBEAT).await;
            // What fails now may succeed the next time; it only keeps daemons waiting.
            drop(presence.renew().await);
        }
    };
    let done = tokio::select! {
        done = work => done,
        never = renewing => never,
    };
    presence.leave().await?;
    Ok(done)
}

/// Has a state for itself, while something is done during which it must not change. Refused while another process works on it
/// or stands by to do so.
pub(crate) async fn alone(state: &PostgresState, id: Uuid, verb: &str) -> Result<Watching, CommandError> {
    let presence = Presence::enter(state, id, MemberKind::Daemon, verb).await?;
    let held = state.acquire(LEASE.to_owned(), presence.description.clone(), TTL).await;
    let held = held.map_err(|error| CommandError::of(&error))?;
    let members = state.members().await.map_err(|error| CommandError::of(&error))?;
    let other = members.into_iter().find(|member| member.id != id);
    match (held, other) {
        (Some(held), None) => Ok(Watching { presence, held }),
        (held, other) => {
            presence.leave().await?;
            if let Some(held) = held {
                state.release(held).await.map_err(|error| CommandError::of(&error))?;
            }
            let other = other.map_or_else(
                || "a daemon that said nothing for a while".to_owned(),
                |other| other.description,
            );
            Err(CommandError::new(format!("{other} has this state, which must not change meanwhile")).hint(
                "stop it, on whichever machine it is; one that was killed is taken to be there for 15 seconds",
            ))
        }
    }
}

/// What a daemon holds while it lives.
pub(crate) struct Watching {
    presence: Presence,
    held: Held,
}

/// Waits until no other daemon runs on the state and no verb changes it; nothing when an end was asked for before. `hear`
/// hears again and again who is in the way.
pub(crate) async fn begin(
    ui: &Ui,
    (state, id): (&PostgresState, Uuid),
    stop: &mut watch::Receiver<bool>,
    hear: &dyn Fn(Option<&str>),
) -> Result<Option<Watching>, CommandError> {
    let mut standby = Presence::enter(state, id, MemberKind::Standby, "watch").await?;
    let mut told = String::new();
    let mut held = None;
    loop {
        if held.is_none() {
            let acquired = state.acquire(LEASE.to_owned(), standby.description.clone(), TTL).await;
            held = acquired.map_err(|error| CommandError::of(&error))?;
            if held.is_some() {
                standby.kind = MemberKind::Daemon;
            }
        } else if let Some(lease) = &held
            && !state.renew(lease).await.map_err(|error| CommandError::of(&error))?
        {
            held = None;
            standby.kind = MemberKind::Standby;
        }
        standby.renew().await?;
        let kind = if held.is_some() { MemberKind::Verb } else { MemberKind::Daemon };
        let others = standby.others(kind).await?;
        if others.is_empty()
            && let Some(held) = held
        {
            return Ok(Some(Watching { presence: standby, held }));
        }
        let has_it = others.first().map(|other| format!("{} has the state", other.description));
        hear(has_it.as_deref());
        let shown = has_it.map(|other| format!("standing by: {other}"));
        if let Some(shown) = shown.filter(|shown| *shown != told) {
            ui.note(&shown);
            told = shown;
        }
        tokio::select! {
            () = sleep(LOOK_AGAIN) => {}
            _ = stop.wait_for(|stop| *stop) => {
                standby.leave().await?;
                if let Some(held) = held {
                    state.release(held).await.map_err(|error| CommandError::of(&error))?;
                }
                return Ok(None);
            }
        }
    }
}

impl Watching {
    /// Says that the daemon is there until the lease is lost.
    pub(crate) async fn until_lost(&self) {
        loop {
            sleep(HEARTBEAT).await;
            match self.presence.state.renew(&self.held).await {
                Ok(false) => return,
                Ok(true) => drop(self.presence.renew().await),
                // Who cannot reach the state stores nothing in it, and others may take over.
                Err(error) => tracing::warn!(%error, "the lease of the daemon could not be renewed"),
            }
        }
    }

    /// The lease of the daemon.
    pub(crate) const fn held(&self) -> &Held {
        &self.held
    }

    /// Gives the state back.
    pub(crate) async fn end(self) -> Result<(), CommandError> {
        self.presence.leave().await?;
        self.presence.state.release(self.held).await.map_err(|error| CommandError::of(&error))
    }
}
