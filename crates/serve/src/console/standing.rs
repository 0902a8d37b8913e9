//! How an integration or a transfer stands, in one word: what a person has to do something about comes first. Pure.

use raccord_model::Name;
use raccord_model::fact::RunOutcome;
use raccord_model::port::authorization::{Agreement, Standing as AuthorizationStanding};

use super::show::Tone;
use super::text::Words;
use crate::request::{IntegrationState, IntegrationStatus, TransferStatus};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// The breaker has disabled its integration.
    Tripped,
    /// Its run waits for a person.
    Held,
    /// Its source waits for the agreement of a person.
    Waiting,
    /// Its last run has failed.
    Failing,
    /// A person lets it stand still.
    Paused,
    /// A run is under way.
    Running,
    /// It runs.
    Active,
    /// It does nothing: its YAML does not activate it, or no active integration wants it.
    Inactive,
}

impl Standing {
    /// Every way to stand, the worst first.
    pub(super) const ALL: [Self; 8] = [
        Self::Tripped,
        Self::Held,
        Self::Waiting,
        Self::Failing,
        Self::Paused,
        Self::Running,
        Self::Active,
        Self::Inactive,
    ];

    /// As an address names it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Tripped => "tripped",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Failing => "failing",
            Self::Paused => "paused",
            Self::Running => "running",
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }

    /// The word for it.
    pub(super) const fn word(self, words: &Words) -> &'static str {
        match self {
            Self::Tripped => words.tripped,
            Self::Held => words.held,
            Self::Waiting => words.waiting,
            Self::Failing => words.failing,
            Self::Paused => words.paused,
            Self::Running => words.running,
            Self::Active => words.active,
            Self::Inactive => words.inactive,
        }
    }

    /// What sort of news it is.
    pub(super) const fn tone(self) -> Tone {
        match self {
            Self::Tripped | Self::Failing => Tone::Bad,
            Self::Held | Self::Waiting | Self::Paused => Tone::Waits,
            Self::Running => Tone::Busy,
            Self::Active => Tone::Good,
            Self::Inactive => Tone::Quiet,
        }
    }
}

/// How an integration stands by itself.
pub(super) const fn of_integration(state: IntegrationState) -> Standing {
    match state {
        IntegrationState::Active => Standing::Active,
        IntegrationState::Inactive => Standing::Inactive,
        IntegrationState::Tripped => Standing::Tripped,
        IntegrationState::Paused => Standing::Paused,
    }
}

/// How a transfer stands, under the integrations that want it and the Authorization of its source. What keeps all of its
/// integrations from running keeps it from running.
pub(super) fn of_transfer(
    transfer: &TransferStatus,
    integrations: &[&IntegrationStatus],
    authorization: Option<&AuthorizationStanding>,
) -> Standing {
    if transfer.running.is_some() {
        return Standing::Running;
    }
    // The best of its integrations counts: one that runs is enough.
    let best = integrations.iter().map(|integration| of_integration(integration.state)).max_by_key(rank);
    match best {
        _ if !transfer.active => return Standing::Inactive,
        None | Some(Standing::Inactive) => return Standing::Inactive,
        Some(standing @ (Standing::Tripped | Standing::Paused)) => return standing,
        Some(_) => {}
    }
    if authorization.is_some_and(|known| matches!(known.state, Agreement::Waiting | Agreement::Revoked)) {
        return Standing::Waiting;
    }
    let outcome = transfer.last_run.as_ref().map(|run| &run.outcome);
    match outcome {
        Some(RunOutcome::Held(_)) => Standing::Held,
        _ if transfer.deliveries_held.is_some() => Standing::Held,
        Some(RunOutcome::Failed { .. }) => Standing::Failing,
        _ => Standing::Active,
    }
}

/// Which of two integrations lets a transfer run rather.
const fn rank(standing: &Standing) -> u8 {
    match standing {
        Standing::Active => 3,
        Standing::Tripped => 2,
        Standing::Paused => 1,
        _ => 0,
    }
}

/// The integrations that want a transfer.
pub(super) fn wanting<'s>(
    integrations: &'s [IntegrationStatus],
    transfer: &Name,
) -> Vec<&'s IntegrationStatus> {
    let wants =
        |integration: &&IntegrationStatus| integration.subscriptions.iter().any(|(name, _)| name == transfer);
    integrations.iter().filter(wants).collect()
}
