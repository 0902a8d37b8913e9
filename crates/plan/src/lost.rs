//! The rows that a re-key drops and that nothing reads again: those of transfers that will not run, or will not own rows of the
//! entity. It decides nothing: what needs a flag is a refusal.

use std::collections::BTreeMap;
use std::fmt;

use raccord_model::Name;
use raccord_model::fact::Uid;
use raccord_model::language::Mode;
use raccord_model::name::EntityRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::world::{Known, World};

/// Rows that are dropped and not read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LostRows {
    /// The transfer whose they are; that of transfers that are gone is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Name>,
    /// How many, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Why nothing reads them again.
    pub because: Lost,
}

/// Why nothing reads rows again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Lost {
    /// Their transfer is not active.
    Inactive,
    /// No active integration subscribes to what is created of their transfer.
    Unwanted,
    /// Their transfers are no more, or own no rows of the entity any more.
    Gone,
}

impl fmt::Display for LostRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.records {
            Some(1) => f.write_str("1 row of ")?,
            Some(count) => write!(f, "{count} rows of ")?,
            None => f.write_str("the rows of ")?,
        }
        match (&self.transfer, self.because) {
            (Some(transfer), Lost::Inactive) => write!(f, "{transfer} (it is not active)"),
            (Some(transfer), Lost::Unwanted) => {
                write!(f, "{transfer} (no active integration subscribes to `created` of it)")
            }
            (None, _) | (_, Lost::Gone) => f.write_str("transfers that are gone, or own no rows of it now"),
        }
    }
}

/// The rows of an entity that nothing reads again once they are dropped.
pub(crate) fn rows(world: &World<'_>, project: Uid, entity: &EntityRef) -> Vec<LostRows> {
    let owners = world.owners(project, &entity.entity);
    let owning: Vec<Known<'_>> = world.writing(entity).filter(|known| known.spec.mode == Mode::Own).collect();
    let mut lost: Vec<LostRows> = Vec::new();
    for transfer in &owning {
        let because = if !transfer.spec.active {
            Lost::Inactive
        } else if !world.wants_created(transfer.name) {
            Lost::Unwanted
        } else {
            continue;
        };
        let records = owners.map(|owners| owners.get(&transfer.uid).copied().unwrap_or(0));
        // Where its rows cannot be counted, one that has run may have some.
        if records.map_or_else(|| world.has_run(transfer.uid), |count| count > 0) {
            lost.push(LostRows { transfer: Some(transfer.name.clone()), records, because });
        }
    }
    let is_gone = |owner: &Uid| owning.iter().all(|transfer| transfer.uid != *owner);
    let gone: u64 =
        owners.into_iter().flat_map(BTreeMap::iter).filter(|(uid, _)| is_gone(uid)).map(|(_, n)| n).sum();
    if gone > 0 {
        lost.push(LostRows { transfer: None, records: Some(gone), because: Lost::Gone });
    }
    lost.sort_by(|one, other| {
        one.transfer.is_none().cmp(&other.transfer.is_none()).then_with(|| one.transfer.cmp(&other.transfer))
    });
    lost
}
