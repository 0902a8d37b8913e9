//! What waits for transfers, and what a pause does not stop. It tells; it changes nothing.

use std::collections::BTreeSet;

use raccord_model::fact::Uid;
use raccord_model::{Kind, Name};
use raccord_run::Ports;
use raccord_run::applied::Applied;

use crate::reply::RequestError;
use crate::request::{IntegrationState, IntegrationStatus, TransferStatus};

/// Counts the deliveries that wait for transfers.
pub(super) async fn count(
    ports: &Ports,
    applied: &Applied,
    transfers: &mut [TransferStatus],
) -> Result<(), RequestError> {
    let waiting: BTreeSet<Uid> = ports.inbox.waiting_transfers().await?.into_iter().collect();
    if waiting.is_empty() {
        return Ok(());
    }
    for transfer in transfers {
        let uid = applied.uid(Kind::Transfer, &transfer.name).filter(|uid| waiting.contains(uid));
        if let Some(uid) = uid {
            transfer.deliveries = ports.inbox.waiting(uid).await?;
        }
    }
    Ok(())
}

/// A sentence for each transfer of a paused or disabled integration that runs all the same, for others subscribe to it.
pub(super) fn going_on(integrations: &[IntegrationStatus]) -> Vec<String> {
    let still = integrations.iter().filter(|integration| integration.is_stopped());
    still
        .flat_map(|integration| {
            let word = integration.state.as_str();
            integration.runs_for(integrations).into_iter().map(move |(transfer, other)| {
                format!(
                    "`{transfer}` runs although the integration `{}` is {word}: `{other}` subscribes to it too",
                    integration.name
                )
            })
        })
        .collect()
}

impl IntegrationStatus {
    /// Whether it stands still although YAML activates it.
    const fn is_stopped(&self) -> bool {
        matches!(self.state, IntegrationState::Paused | IntegrationState::Tripped)
    }

    /// The transfers that run whether this integration does or not, each with another one that is active and subscribes to it.
    pub fn runs_for<'a>(&'a self, all: &'a [Self]) -> Vec<(&'a Name, &'a Name)> {
        let others = |transfer: &Name| {
            all.iter().find(|other| {
                other.name != self.name
                    && other.state == IntegrationState::Active
                    && other.subscriptions.iter().any(|(name, _)| name == transfer)
            })
        };
        let subscribed = self.subscriptions.iter();
        subscribed.filter_map(|(transfer, _)| Some((transfer, &others(transfer)?.name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integration(name: &str, state: IntegrationState, transfers: &[&str]) -> IntegrationStatus {
        let subscriptions = transfers.iter().map(|name| (name.parse().unwrap(), [].into())).collect();
        let name = name.parse().unwrap();
        IntegrationStatus { name, state, trip: None, pause: None, subscriptions, alerts: Vec::new() }
    }

    #[test]
    fn what_another_integration_wants_runs_all_the_same() {
        use IntegrationState::{Active, Inactive, Paused, Tripped};
        for (own, other, told) in [
            (
                Paused,
                Active,
                vec!["`both` runs although the integration `own` is paused: `other` subscribes to it too"],
            ),
            (
                Tripped,
                Active,
                vec!["`both` runs although the integration `own` is tripped: `other` subscribes to it too"],
            ),
            (Paused, Paused, vec![]),
            (Paused, Inactive, vec![]),
            (Active, Active, vec![]),
        ] {
            let all = [integration("own", own, &["both", "alone"]), integration("other", other, &["both"])];
            assert_eq!(going_on(&all), told);
        }
    }
}
