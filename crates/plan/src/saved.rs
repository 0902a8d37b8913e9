//! A plan in a file: reviewed today, applied tomorrow, refused when the state has moved in between.
//!
//! The file holds the plan and the configuration it was made from, under a digest of both.

use std::fmt;

use raccord_model::plan::Consequence;
use raccord_model::port::state::Head;
use raccord_model::{Desired, Digest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::diff::Options;
use crate::plan::{DataEffect, PLAN_VERSION, Plan, Subject, TOOL};

/// The version of the file's form.
pub const FORMAT: u8 = 1;

/// A plan and the configuration it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// The plan.
    pub plan: Plan,
    /// The configuration.
    pub desired: Desired,
    /// What the person who planned had allowed; files did not always say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Options>,
}

/// The file around it: what can be checked before the rest is read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    raccord_plan: u8,
    digest: Digest,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Only the version, which is read first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    raccord_plan: u8,
}

/// Why a file is not a saved plan that can be used.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// It is something else.
    #[error("the file is not a plan that Raccord has saved")]
    NotAPlan(#[source] serde_json::Error),
    /// Another version of Raccord wrote it in another form.
    #[error(
        "the plan was saved in form {found}; this version of Raccord reads form {FORMAT}: make the plan again"
    )]
    Version {
        /// Its form.
        found: u8,
    },
    /// It is not what was written.
    #[error("the saved plan was changed or damaged: make the plan again")]
    Damaged,
    /// It cannot be written.
    #[error("save the plan")]
    Write(#[source] serde_json::Error),
}

/// The bytes of a file that holds a plan, and what was allowed when it was made.
pub fn write(plan: &Plan, desired: &Desired, options: Option<&Options>) -> Result<Vec<u8>, SavedPlanError> {
    #[derive(Serialize)]
    struct Content<'a> {
        plan: &'a Plan,
        desired: &'a Desired,
        #[serde(skip_serializing_if = "Option::is_none")]
        options: Option<&'a Options>,
    }
    let content = serde_json::value::to_raw_value(&Content { plan, desired, options })
        .map_err(SavedPlanError::Write)?;
    let digest = Digest::of(content.get().as_bytes());
    let envelope = Envelope { raccord_plan: FORMAT, digest, content: &content };
    serde_json::to_vec(&envelope).map_err(SavedPlanError::Write)
}

/// Reads such a file.
pub fn read(bytes: &[u8]) -> Result<SavedPlan, SavedPlanError> {
    let Version { raccord_plan } = serde_json::from_slice(bytes).map_err(SavedPlanError::NotAPlan)?;
    if raccord_plan != FORMAT {
        return Err(SavedPlanError::Version { found: raccord_plan });
    }
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(SavedPlanError::NotAPlan)?;
    if Digest::of(envelope.content.get().as_bytes()) != envelope.digest {
        return Err(SavedPlanError::Damaged);
    }
    let saved: SavedPlan = serde_json::from_str(envelope.content.get()).map_err(SavedPlanError::NotAPlan)?;
    if saved.plan.version != PLAN_VERSION {
        return Err(SavedPlanError::Version { found: saved.plan.version });
    }
    if saved.plan.configuration != saved.desired.digest() {
        return Err(SavedPlanError::Damaged);
    }
    Ok(saved)
}

/// What has moved since a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moved {
    /// It is the plan of another state.
    Lineage {
        /// The plan's.
        planned: Uuid,
        /// The one at hand.
        found: Uuid,
    },
    /// It is the plan of a new state, and there is one already.
    Begun,
    /// Something was applied.
    Serial {
        /// The plan's.
        planned: u64,
        /// The one in force.
        found: u64,
    },
    /// Another version of Raccord made it.
    Tool {
        /// The plan's.
        planned: String,
        /// This one.
        found: String,
    },
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lineage { planned, found } if found.is_nil() => {
                write!(f, "it was made for state {planned}, and there is no state here")
            }
            Self::Lineage { planned, found } => write!(f, "it was made for state {planned}, this is {found}"),
            Self::Begun => write!(f, "it was made where there was no state, and there is one now"),
            Self::Serial { planned, found } => {
                write!(f, "it was made for serial {planned} of the state, {found} is in force")
            }
            Self::Tool { planned, found } => write!(f, "raccord {planned} made it, this is {found}"),
        }
    }
}

/// Why a saved plan is stale: everything that has moved, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan is stale: {}", .moved.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Stale {
    /// What has moved.
    pub moved: Vec<Moved>,
}

/// What has moved since a plan was saved; `None` when it can be applied as it is.
pub fn stale(saved: &SavedPlan, head: &Head) -> Option<Stale> {
    let plan = &saved.plan;
    let mut moved = Vec::new();
    // A plan that was made where there was no state fits every state to which nothing was applied.
    if plan.lineage != head.lineage && !(plan.lineage.is_nil() && head.serial == plan.serial) {
        let lineage = Moved::Lineage { planned: plan.lineage, found: head.lineage };
        moved.push(if plan.lineage.is_nil() { Moved::Begun } else { lineage });
    } else if plan.serial != head.serial {
        moved.push(Moved::Serial { planned: plan.serial, found: head.serial });
    }
    if plan.tool != TOOL {
        moved.push(Moved::Tool { planned: plan.tool.clone(), found: TOOL.to_owned() });
    }
    (!moved.is_empty()).then_some(Stale { moved })
}

/// What a plan drops more of now than when it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// From what.
    pub subject: Subject,
    /// From how many rows then.
    pub planned: u64,
    /// From how many now.
    pub now: u64,
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} rows are dropped, or lose a value, and not {}",
            self.subject, self.now, self.planned
        )
    }
}

/// What is dropped from more rows than a saved plan says, given the plan that would be made now. Runs go on between the two, and
/// make no plan stale.
pub fn grown(saved: &Plan, now: &Plan) -> Vec<Grown> {
    let drops = |effect: &&DataEffect| {
        matches!(effect.consequence, Consequence::Drop | Consequence::DropField | Consequence::Rekey)
    };
    let planned = |effect: &DataEffect| {
        let same = |it: &&DataEffect| it.subject == effect.subject && it.consequence == effect.consequence;
        saved.effects.iter().find(same)?.records
    };
    let grown = now.effects.iter().filter(drops).filter_map(|effect| {
        let (planned, now) = (planned(effect)?, effect.records?);
        (now > planned).then(|| Grown { subject: effect.subject.clone(), planned, now })
    });
    grown.collect()
}
