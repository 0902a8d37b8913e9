//! How a transfer stands, in one word, from what is known of it. Pure.

use raccord_model::fact::RunOutcome;
use raccord_model::port::authorization::Agreement;

use crate::request::{IntegrationState, Standing};

/// What is known of a transfer.
#[derive(Debug, Clone, Copy)]
pub struct Known<'k> {
    /// Whether its YAML activates it.
    pub active: bool,
    /// Whether a run is under way.
    pub running: bool,
    /// How its last run ended.
    pub outcome: Option<&'k RunOutcome>,
    /// Whether deliveries of it are held.
    pub deliveries_held: bool,
    /// How the Authorization of its source stands, when it has tokens.
    pub agreement: Option<Agreement>,
}

/// How a transfer stands under the integrations that want it. One of them that runs is enough.
pub fn standing(known: &Known<'_>, integrations: impl IntoIterator<Item = IntegrationState>) -> Standing {
    if known.running {
        return Standing::Running;
    }
    let best = integrations.into_iter().max_by_key(|state| rank(*state));
    match best {
        _ if !known.active => return Standing::Inactive,
        None | Some(IntegrationState::Inactive) => return Standing::Inactive,
        Some(IntegrationState::Tripped) => return Standing::Tripped,
        Some(IntegrationState::Paused) => return Standing::Paused,
        Some(IntegrationState::Active) => {}
    }
    if matches!(known.agreement, Some(Agreement::Waiting | Agreement::Revoked)) {
        return Standing::Waiting;
    }
    match known.outcome {
        Some(RunOutcome::Held(_)) => Standing::Held,
        _ if known.deliveries_held => Standing::Held,
        Some(RunOutcome::Failed { .. }) => Standing::Failing,
        Some(RunOutcome::Running | RunOutcome::Succeeded | RunOutcome::Stopped) | None => Standing::Active,
    }
}

/// How an integration stands that has nothing but its own state.
pub const fn of_integration(state: IntegrationState) -> Standing {
    match state {
        IntegrationState::Active => Standing::Active,
        IntegrationState::Inactive => Standing::Inactive,
        IntegrationState::Tripped => Standing::Tripped,
        IntegrationState::Paused => Standing::Paused,
    }
}

/// Which of two integrations says more of a transfer that both want.
const fn rank(state: IntegrationState) -> u8 {
    match state {
        IntegrationState::Active => 3,
        IntegrationState::Tripped => 2,
        IntegrationState::Paused => 1,
        IntegrationState::Inactive => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_transfer_from_running_comes_first() {
        use IntegrationState::{Active, Inactive, Paused, Tripped};
        let failed =
            RunOutcome::Failed { error: String::new(), unauthorized: false, local: false, partial: false };
        let idle =
            Known { active: true, running: false, outcome: None, deliveries_held: false, agreement: None };
        let check = |known: Known<'_>, integrations: &[IntegrationState], expected: Standing| {
            assert_eq!(
                standing(&known, integrations.iter().copied()),
                expected,
                "{known:?} {integrations:?}"
            );
        };
        check(idle, &[Active], Standing::Active);
        check(idle, &[], Standing::Inactive);
        check(idle, &[Inactive], Standing::Inactive);
        check(idle, &[Tripped, Active], Standing::Active);
        check(idle, &[Tripped, Paused], Standing::Tripped);
        check(idle, &[Inactive, Paused], Standing::Paused);
        check(Known { active: false, ..idle }, &[Active], Standing::Inactive);
        check(Known { running: true, ..idle }, &[Tripped], Standing::Running);
        check(Known { outcome: Some(&failed), ..idle }, &[Active], Standing::Failing);
        check(Known { outcome: Some(&failed), ..idle }, &[Tripped], Standing::Tripped);
        check(Known { deliveries_held: true, ..idle }, &[Active], Standing::Held);
        let waiting = Known { agreement: Some(Agreement::Waiting), outcome: Some(&failed), ..idle };
        check(waiting, &[Active], Standing::Waiting);
        check(Known { agreement: Some(Agreement::Granted), ..idle }, &[Active], Standing::Active);
    }
}
