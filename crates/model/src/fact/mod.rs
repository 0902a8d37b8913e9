//! Facts: what has happened, as opposed to what is wanted. Identities, generations, runs, trips, pauses.
//!
//! They are kept by the state as versioned JSON of small size; an apply never rewinds them.

mod audit;
mod hold;
mod integration;
mod notice;
mod reject;
mod rows_digest;
mod run;
mod session;
mod step;
mod token;
mod told;
mod transfer;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::canonical::Digest;
use crate::key::Key;
use crate::name::{Ident, Name};
use crate::plan::Action;
use crate::row::FieldId;
use crate::schema::Instant;

pub use audit::{AuditEntry, AuditOutcome, AuditWay};
pub use hold::{DeletedBy, Hold};
pub use integration::{IntegrationFact, Pause, Trip, TripCause, Warned};
pub use notice::{Channel, Notice, NoticeAbout, Share};
pub use reject::{Fetch, Reject, RejectId, RejectIdError};
pub use rows_digest::RowsDigest;
pub(crate) use run::is_zero;
pub use run::{Parents, Run, RunCause, RunId, RunOutcome, Staying, Tally};
pub use session::{Session, SignedIn};
pub use step::{StepFact, StepWork, StorePlace};
pub use token::{Role, Token, TokenUse, UnknownRole};
pub use told::ToldFact;
pub use transfer::{Decided, Grid, HeldDeliveries, Observed, TransferFact};
pub use webhook::WebhookFact;

/// The version of the form in which facts are kept.
const FACT_VERSION: u8 = 1;

/// A fact as the state keeps it: its JSON, and beside its members the version of the form.
pub fn write<T: Serialize>(fact: &T) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        v: u8,
        #[serde(flatten)]
        fact: &'a T,
    }
    serde_json::to_vec(&Versioned { v: FACT_VERSION, fact })
}

/// Reads a fact back; a form that a later version of Raccord wrote is an error.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    #[derive(Deserialize)]
    struct Version {
        #[serde(default)]
        v: u8,
    }
    let Version { v } = serde_json::from_slice(bytes)?;
    if v > FACT_VERSION {
        return Err(serde_json::Error::custom(format!("its form {v} is newer than this version of Raccord")));
    }
    serde_json::from_slice(bytes)
}

/// The identity of a resource: it survives a rename, and a recreated resource gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Uid(pub Uuid);

impl Uid {
    /// Stands for a resource that was not applied yet.
    pub const UNALLOTTED: Self = Self(Uuid::nil());
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An entry of the index: which resource stands under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Who it is.
    pub uid: Uid,
    /// What it says.
    pub digest: Digest,
}

/// One generation: what an apply changed, so that history is a delta and not a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// When it was applied.
    #[schemars(with = "Instant")]
    pub at: Timestamp,
    /// Who applied it.
    pub by: String,
    /// The generation it went back to, for a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_to: Option<u64>,
    /// The commit of the repository that the configuration was read from, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The digest of the whole configuration.
    pub configuration: Digest,
    /// What changed.
    pub changes: Vec<GenerationChange>,
}

/// One change of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenerationChange {
    /// Which resource, under its newer key.
    pub key: Key,
    /// What it was called before, when it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<Name>,
    /// What was done.
    pub action: Action,
    /// What stood there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Entry>,
    /// What stands there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Entry>,
}

/// What is known of an entity: which rows are its own, and what its fields are called in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityFact {
    /// Under which number its rows are kept; a re-keyed entity gets a new one, and no number is used twice.
    pub incarnation: u64,
    /// The id of each field in the rows.
    pub fields: BTreeMap<Ident, FieldId>,
    /// The next id to allot.
    pub next_field: FieldId,
    /// The numbers under which its rows were kept in the same table before they were to get other keys. Those rows go before the
    /// first one is written under this number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<u64>,
}

/// The update types that a transfer's integrations want together.
pub type Updates = BTreeSet<crate::language::UpdateType>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_comes_back_and_a_later_form_is_refused() {
        let fact = IntegrationFact { rejects: BTreeMap::from([(-7, 3)]), ..IntegrationFact::default() };
        let bytes = write(&fact).unwrap();
        assert_eq!(read::<IntegrationFact>(&bytes).unwrap(), fact);
        assert_eq!(read::<TransferFact>(br#"{"epoch":2}"#).unwrap().decided.epoch, 2);
        let error = read::<TransferFact>(br#"{"v":9,"epoch":2}"#).unwrap_err().to_string();
        assert!(error.contains("newer"), "{error}");
    }
}
