//! What can be asked of the engine, and what it answers: one vocabulary for every transport.
//!
//! YAML always loads in the caller; what travels is the canonical configuration.

mod applied;
mod cell;
mod overview;
mod record;
mod reply;
mod sort;
mod status;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use raccord_daemon::apply::Wanted;
use raccord_model::duration::Seconds;
use raccord_model::fact::{RejectId, Role, RunId};
use raccord_model::port::authorization::Consent;
use raccord_model::schema::Instant;
use raccord_model::{DataTypeName, Desired, Digest, EntityRef, Ident, Key, Name};
use raccord_plan::Options;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use applied::{Difference, EntityQuery, EntityView, Flow, FlowState, ResourceView};
pub use cell::Cell;
pub use overview::{Overview, OverviewLine, OverviewQuery, Standing};
pub use raccord_run::report::{Progress, RunReport};
pub use record::{
    ColumnView, DataTypeView, DeliveryView, DeliveryWord, Explanation, FieldView, PageOf, PageToken, PartOf,
    Preview, RejectGroup, RejectView, RejectsOf, Row, Sample, SummaryQuery,
};
pub use reply::{Alerted, NewToken, Reply, TokenView};
pub use sort::Sort;
pub use status::{
    DaemonStatus, DroppedBecause, DroppedDeliveries, IntegrationState, IntegrationStatus, Status,
    StatusQuery, TransferStatus, UnderWay,
};
pub use text::{Commit, FieldText, Place, Reason, Since, Text, TooLong, Who};

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Where the state stands.
    Head,
    /// What applying a configuration would do.
    Plan(
        #[serde(with = "shared")]
        #[schemars(with = "Desired")]
        Arc<Desired>,
        Options,
    ),
    /// Apply a configuration, if the state still stands where it was planned on.
    Apply(
        #[serde(with = "shared")]
        #[schemars(with = "Desired")]
        Arc<Desired>,
        ApplyOptions,
    ),
    /// What waits for a person, because the policy of the daemon does not apply it by itself.
    Pending,
    /// Apply what waits, if the state still stands where it was planned on.
    AcceptPending {
        /// What is allowed.
        options: Options,
        /// The serial that was planned on.
        serial: u64,
        /// The digest of the configuration whose plan was looked at.
        configuration: Digest,
        /// Who applies.
        by: Who,
    },
    /// Generations, newest first.
    History {
        /// At most so many.
        limit: usize,
        /// Only those before this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
    },
    /// The configuration of an earlier generation, as something to plan and apply.
    Generation {
        /// Which; `None` is the one in force.
        number: Option<u64>,
    },
    /// What a generation changed, field by field.
    Difference {
        /// Which.
        generation: u64,
        /// Of so many resources at most; of all without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    /// What going back to an earlier generation would do.
    PlanRollback {
        /// Which.
        generation: u64,
        /// What is allowed.
        options: Options,
    },
    /// Go back to an earlier generation, if the state still stands where it was planned on.
    Rollback {
        /// Which.
        generation: u64,
        /// What is allowed.
        options: Options,
        /// The serial that was planned on.
        serial: u64,
        /// Who goes back.
        by: Who,
    },
    /// What a resource of the generation in force says.
    Resource(Key),
    /// The entities of the generation in force.
    Entities,
    /// Some of the entities of the generation in force, by project and name, and how many there are.
    EntitiesOf(#[serde(deserialize_with = "overview::from_object")] EntityQuery),
    /// What flows where: one flow for each transfer of the generation in force.
    Flows,
    /// What is wrong with the configuration that was read last.
    Problems,
    /// Run what is activated, once.
    Run {
        /// Only these integrations; all of them when empty.
        integrations: Vec<Name>,
    },
    /// How transfers stand, a page of them.
    Overview(#[serde(deserialize_with = "overview::from_object")] OverviewQuery),
    /// How everything stands.
    Status,
    /// How some of it stands.
    StatusOf(#[serde(deserialize_with = "overview::from_object")] StatusQuery),
    /// Runs, newest first.
    Runs {
        /// Only of this transfer.
        transfer: Option<Name>,
        /// At most so many.
        limit: usize,
    },
    /// Stored records.
    Records {
        /// Of which entity.
        entity: EntityRef,
        /// Only those whose fields have these values, as text.
        filter: Vec<(Ident, FieldText)>,
        /// At most so many.
        limit: usize,
        /// Whether to say as well how many there are, shown or not.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        total: bool,
        /// Whether to say first which columns there are, and the types of their values.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        columns: bool,
        /// Which page of them, for a caller that does not want all at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page: Option<PageOf>,
        /// Only those that go when this held run is approved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<RunId>,
    },
    /// Where a stored record comes from.
    Explain {
        /// Of which entity.
        entity: EntityRef,
        /// The values of its key fields as text, in their order.
        key: Vec<FieldText>,
    },
    /// Rows before and after under a configuration; nothing is stored.
    Sample {
        /// The configuration.
        #[serde(with = "shared")]
        #[schemars(with = "Desired")]
        desired: Arc<Desired>,
        /// The transfers.
        transfers: Vec<Name>,
        /// At most so many records of each.
        limit: usize,
    },
    /// Rejected records, newest first.
    Rejects {
        /// Only of this transfer.
        transfer: Option<Name>,
        /// This one alone.
        id: Option<RejectId>,
        /// Only those of this group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<Digest>,
        /// At most so many.
        limit: usize,
        /// Whether to say as well how many there are, shown or not.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        total: bool,
    },
    /// Rejected records by transfer, field and reason, the most frequent first.
    RejectSummary(#[serde(deserialize_with = "overview::from_object")] SummaryQuery),
    /// Map rejected records again and store those that pass.
    ReplayRejects {
        /// Of which transfer.
        transfer: Name,
        /// Only these of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<RejectsOf>,
    },
    /// Deliveries of webhooks that wait, in the order in which they came.
    Deliveries {
        /// Only those that wait for this transfer.
        transfer: Option<Name>,
        /// This one alone, with what it holds.
        sequence: Option<u64>,
        /// At most so many.
        limit: usize,
    },
    /// Take deliveries away that wait, for good.
    DropDeliveries {
        /// Which: their sequences.
        #[schemars(length(max = 1_000))]
        sequences: Vec<u64>,
    },
    /// Look at a source; nothing is stored.
    Look(Box<Look>),
    /// What the state holds, in numbers.
    Info,
    /// Whether the state is whole.
    Check,
    /// Copy the state into a new file on the machine where it is.
    Backup {
        /// The file, as an absolute path; an existing one is never overwritten.
        to: PathBuf,
    },
    /// Let an integration stand still.
    Pause {
        /// Which.
        integration: Name,
        /// Until when.
        #[schemars(with = "Option<Instant>")]
        until: Option<Timestamp>,
        /// Why.
        reason: Option<Reason>,
    },
    /// Start an integration again after a pause or a trip.
    Resume {
        /// Which.
        integration: Name,
        /// Who starts it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Who>,
    },
    /// Tell everybody whom an integration alerts that this is a test.
    TestAlert {
        /// Which.
        integration: Name,
    },
    /// Let a held run do what it is held for.
    Approve {
        /// Which.
        run: RunId,
    },
    /// Read everything of a transfer again, or from a point on.
    Resync {
        /// Which.
        transfer: Name,
        /// From where, in the format of the source's incremental field.
        since: Option<Since>,
    },
    /// Make a token for the HTTP API.
    CreateToken {
        /// What it is called.
        name: Name,
        /// What it allows.
        roles: BTreeSet<Role>,
        /// From when on it is refused.
        #[schemars(with = "Option<Instant>")]
        expires: Option<Timestamp>,
    },
    /// The tokens of the HTTP API.
    Tokens,
    /// Take a token away.
    RevokeToken {
        /// Which.
        name: Name,
    },
    /// Begin a person's agreement to an Authorization of the generation in force. The second is where the server is to
    /// send the person, where there is a choice.
    BeginAuthorization(Name, Option<Place>),
    /// Keep what comes of such an agreement.
    Authorize(Name, Consent),
    /// The audit log, newest first.
    Audit {
        /// At most so many entries.
        limit: usize,
    },
}

/// A configuration that several hold at once travels like any other.
mod shared {
    use std::sync::Arc;

    use raccord_model::Desired;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(desired: &Arc<Desired>, to: S) -> Result<S::Ok, S::Error> {
        Desired::serialize(desired, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Desired>, D::Error> {
        Desired::deserialize(from).map(Arc::new)
    }
}

/// A look at a source of a configuration, where its secrets are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// The configuration.
    pub desired: Desired,
    /// At what.
    pub at: LookAt,
    /// At most so many records.
    pub limit: usize,
    /// How long records are waited for, an hour at the most; a minute unless it says so. Of use where records are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Seconds>,
}

/// What is looked at.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LookAt {
    /// Whether the source can be reached and accepts us.
    Check(Name),
    /// What the source offers.
    Discover(Name),
    /// Raw records of a data type of the source.
    Read(Name, DataTypeName),
    /// Records beside what the transfer would make of them.
    Preview(Name),
}

/// How a configuration is applied.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyOptions {
    /// What is allowed, and which resources.
    pub plan: Options,
    /// The serial that was planned on.
    pub serial: u64,
    /// Who applies.
    pub by: Who,
    /// The generation it goes back to, for a rollback.
    pub rollback_to: Option<u64>,
    /// The commit of the repository that the configuration was read from, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
}

impl ApplyOptions {
    /// How the configuration of an earlier generation is applied.
    pub const fn rollback(generation: u64, plan: Options, serial: u64, by: Who) -> Self {
        Self { plan, serial, by, rollback_to: Some(generation), commit: None }
    }
}

impl From<ApplyOptions> for Wanted {
    fn from(options: ApplyOptions) -> Self {
        let ApplyOptions { plan, serial, by, rollback_to, commit } = options;
        Self {
            plan,
            serial,
            by: by.to_string(),
            rollback_to,
            commit: commit.map(|commit| commit.to_string()),
        }
    }
}
