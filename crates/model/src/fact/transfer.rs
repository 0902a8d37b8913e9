//! What is known of a transfer beside its configuration: what applies have decided of its data, and what its runs have
//! observed since.
//!
//! Each part has its own writers. What runs conclude is a function of the observed part alone, so that no end of a run
//! can take a decision of an apply back. Both are one JSON object, as versions before wrote it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Hold, RunId};
use crate::canonical::Digest;

/// What is known of a transfer beside its configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferFact {
    /// What applies have decided.
    #[serde(flatten)]
    pub decided: Decided,
    /// What runs have observed.
    #[serde(flatten)]
    pub observed: Observed,
}

/// What an apply decides of a transfer's data, and a resync, which is one for a single transfer. No run changes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// Raised by every change with a consequence. A commit under a lower one is refused.
    pub epoch: u64,
    /// The epoch in which the checkpoint was last reset. A checkpoint of a lower one is void.
    #[serde(default)]
    pub reset: u64,
}

/// What runs have observed of a transfer, and what follows for the next ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// How many runs have failed since one succeeded.
    #[serde(default)]
    pub consecutive_failures: u32,
    /// The last run that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunId>,
    /// When a run last succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    /// How many records the last complete reading fetched: what a re-read will cost.
    #[serde(default)]
    pub last_full_read: u64,
    /// Where the grid of its due times begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    /// The latest due time that a run has served. A run that was cut has served none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Timestamp>,
    /// The paths of the mapping that no record of the last complete reading had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// The paths that records of the last complete reading had, of those that feed a field together with others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
    /// The run of deliveries that is held, until they are approved or none of them deletes any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries_held: Option<HeldDeliveries>,
    /// What a person has approved of a held run, until a run has carried it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Hold>,
}

/// Deliveries that would delete too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldDeliveries {
    /// The run that is held.
    pub run: RunId,
    /// How many rows were deleted before, since deliveries were last worked off.
    pub deleted: u64,
}

/// Where the due times of a schedule begin: another schedule, or another activation, begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grid {
    /// The digest of the schedule that was activated.
    pub schedule: Digest,
    /// When it was.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{read, write};

    /// The bytes are those of the versions that knew one flat struct, both ways.
    #[test]
    fn both_parts_are_one_object() {
        let text = r#"{"v":1,"epoch":3,"reset":2,"consecutiveFailures":1,"lastFullRead":9,"seen":["id"]}"#;
        let fact = TransferFact {
            decided: Decided { epoch: 3, reset: 2 },
            observed: Observed {
                consecutive_failures: 1,
                last_full_read: 9,
                seen: vec!["id".to_owned()],
                ..Observed::default()
            },
        };
        assert_eq!(String::from_utf8(write(&fact).unwrap()).unwrap(), text);
        assert_eq!(read::<TransferFact>(text.as_bytes()).unwrap(), fact);
        let later = r#"{"v":1,"epoch":3,"reset":2,"consecutiveFailures":1,"lastFullRead":9,"seen":["id"],"new":{"a":1}}"#;
        assert_eq!(
            read::<TransferFact>(later.as_bytes()).unwrap(),
            fact,
            "members that are not known are passed over"
        );
    }

    #[test]
    fn every_member_comes_back() {
        let fact = TransferFact {
            decided: Decided { epoch: u64::MAX, reset: 1 },
            observed: Observed {
                consecutive_failures: 4,
                last_run: Some(RunId(uuid::Uuid::from_u128(5))),
                last_success: Some("2025-01-01T00:00:00.5Z".parse().unwrap()),
                last_full_read: u64::MAX,
                grid: Some(Grid {
                    schedule: Digest([7; 32]),
                    since: "2025-01-01T00:00:00Z".parse().unwrap(),
                }),
                served: Some("2025-01-02T00:00:00Z".parse().unwrap()),
                unseen: vec!["a".to_owned()],
                seen: vec!["b".to_owned()],
                deliveries_held: Some(HeldDeliveries { run: RunId(uuid::Uuid::from_u128(6)), deleted: 3 }),
                approved: Some(Hold::Shifted { shifted: 2, sign: "a key twice".to_owned() }),
            },
        };
        assert_eq!(read::<TransferFact>(&write(&fact).unwrap()).unwrap(), fact);
    }
}
