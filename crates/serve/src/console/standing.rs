//! How an integration or a transfer stands, as a word and a colour.

use raccord_model::Name;
use raccord_model::port::authorization::Standing as AuthorizationStanding;

use super::show::Tone;
use super::text::Words;
use crate::request::{IntegrationStatus, Standing, TransferStatus};
use crate::verb::standing::{Known, standing};

/// The word for it.
pub(super) const fn word(standing: Standing, words: &Words) -> &'static str {
    match standing {
        Standing::Tripped => words.tripped,
        Standing::Held => words.held,
        Standing::Waiting => words.waiting,
        Standing::Failing => words.failing,
        Standing::Paused => words.paused,
        Standing::Running => words.running,
        Standing::Active => words.active,
        Standing::Inactive => words.inactive,
    }
}

/// What sort of news it is.
pub(super) const fn tone(standing: Standing) -> Tone {
    match standing {
        Standing::Tripped | Standing::Failing => Tone::Bad,
        Standing::Held | Standing::Waiting | Standing::Paused => Tone::Waits,
        Standing::Running => Tone::Busy,
        Standing::Active => Tone::Good,
        Standing::Inactive => Tone::Quiet,
    }
}

/// How a transfer stands, under the integrations that want it and the Authorization of its source.
pub(super) fn of_transfer(
    transfer: &TransferStatus,
    integrations: &[&IntegrationStatus],
    authorization: Option<&AuthorizationStanding>,
) -> Standing {
    let known = Known {
        active: transfer.active,
        running: transfer.running.is_some(),
        outcome: transfer.last_run.as_ref().map(|run| &run.outcome),
        deliveries_held: transfer.deliveries_held.is_some(),
        agreement: authorization.map(|known| known.state),
    };
    standing(&known, integrations.iter().map(|integration| integration.state))
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
