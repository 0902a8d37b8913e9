//! The parts of an answer, whatever was asked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use raccord_model::diagnostic::Diagnostic;
use raccord_model::fact::{AuditEntry, Generation, Role, Run};
use raccord_model::port::authorization::{Completion, Invitation};
use raccord_model::port::state::Head;
use raccord_model::port::upkeep::{CheckReport, Info};
use raccord_model::schema::Instant;
use raccord_model::{Desired, Name};
use raccord_plan::Plan;
use raccord_run::report::{Progress, RunReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::applied::{Difference, EntityView, Flow, ResourceView};
use super::overview::Overview;
use super::record::{
    ColumnView, DataTypeView, DeliveryView, Explanation, PageToken, Preview, RejectGroup, RejectView, Row,
    Sample,
};
use super::status::Status;
use crate::token::TokenText;

/// A part of an answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "a reply is handed on once and never kept in numbers")]
pub enum Reply {
    /// Where the state stands.
    Head(Head),
    /// A page was stored.
    Progress(Progress),
    /// A run has ended.
    Run(Run),
    /// A generation.
    Generation(Generation),
    /// The columns of the records that follow, in their order.
    Columns(Vec<ColumnView>),
    /// A stored record: its fields, the key first.
    Record(Row),
    /// A raw record, as one line of JSON.
    Raw(String),
    /// A record beside what became of it.
    Preview(Preview),
    /// A rejected record.
    Reject(RejectView),
    /// Rejected records with one reason.
    RejectGroup(RejectGroup),
    /// Where the next page begins; there is none without it.
    Next(PageToken),
    /// How many there are in all, of which a part was shown.
    Total(u64),
    /// A delivery that waits.
    Delivery(DeliveryView),
    /// Where a record comes from.
    Explanation(Box<Explanation>),
    /// A row before and after.
    Sample(Sample),
    /// A data type of a source.
    DataType(DataTypeView),
    /// What a resource says.
    Resource(Box<ResourceView>),
    /// An entity.
    Entity(EntityView),
    /// What a transfer has flow where.
    Flow(Flow),
    /// What a generation changed.
    Difference(Box<Difference>),
    /// What is wrong with a configuration.
    Problem(Diagnostic),
    /// A plan.
    Plan(Box<Plan>),
    /// A configuration.
    Desired(Box<Desired>),
    /// A configuration was applied; the number of the generation.
    Applied(u64),
    /// All runs have ended.
    Report(RunReport),
    /// How transfers stand, a page of them.
    Overview(Box<Overview>),
    /// How everything stands.
    Status(Box<Status>),
    /// What the state holds, in numbers.
    Info(Info),
    /// Whether the state is whole.
    Checked(CheckReport),
    /// An alert was sent, or was not.
    Alerted(Alerted),
    /// A token was made.
    NewToken(NewToken),
    /// A token, without its text.
    Token(TokenView),
    /// What a person is asked to do.
    Invitation(Invitation),
    /// What became of an agreement.
    Authorized(Completion),
    /// An entry of the audit log.
    Audit(AuditEntry),
    /// It is done; what there is to say of it.
    Done(String),
}

/// A token that was just made. Its text is never seen again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewToken {
    /// The text, for its user.
    pub token: TokenText,
    /// What is kept of it.
    pub view: TokenView,
}

/// A token as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// What it is called.
    pub name: Name,
    /// What it allows.
    pub roles: BTreeSet<Role>,
    /// When it was made.
    #[schemars(with = "Instant")]
    pub created: Timestamp,
    /// From when on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub expires: Option<Timestamp>,
    /// When it was last used, to the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub used: Option<Timestamp>,
}

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alerted {
    /// To whom: addresses, or the reference to a URL.
    pub to: String,
    /// Why it was not taken; absent when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
