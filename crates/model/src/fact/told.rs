//! What people were told of, so that a restart does not tell them again. Never what they are still to be told: that
//! waits in the outbox.

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;

/// How many bad configurations are remembered; the oldest go first.
const KEPT: usize = 16;

/// The configurations that people were told of since the last good one, oldest first: bad ones, or those whose changes wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldFact {
    /// Of their files.
    pub configurations: Vec<Digest>,
}

impl ToldFact {
    /// Under which key bad ones are kept.
    pub const KEY: &str = "configurations";

    /// Under which key those are kept whose changes wait for a person.
    pub const PENDING: &str = "pending";

    /// The same with another one, unless people know of that already.
    #[must_use]
    pub fn with(mut self, configuration: Digest) -> Option<Self> {
        if self.configurations.contains(&configuration) {
            return None;
        }
        let surplus = (self.configurations.len() + 1).saturating_sub(KEPT);
        self.configurations.drain(..surplus);
        self.configurations.push(configuration);
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_known() {
        let digest = |number: u8| Digest([number; 32]);
        let mut told = ToldFact::default();
        for number in 0..20 {
            told = told.with(digest(number)).unwrap();
            assert_eq!(told.clone().with(digest(number)), None);
        }
        assert_eq!(told.configurations, (4..20).map(digest).collect::<Vec<_>>());
    }
}
