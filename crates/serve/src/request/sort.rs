//! What sort of request one is: that stands at its beginning, and says who may ask it and how large it may be, before
//! the rest is read.

use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

use super::Request;

/// What sort of request one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each is described where the request is")]
pub enum Sort {
    Head,
    Plan,
    Apply,
    Pending,
    AcceptPending,
    History,
    Generation,
    Difference,
    PlanRollback,
    Rollback,
    Resource,
    Entities,
    EntitiesOf,
    Flows,
    Problems,
    Run,
    Overview,
    Status,
    StatusOf,
    Runs,
    Records,
    Explain,
    Sample,
    Rejects,
    RejectSummary,
    ReplayRejects,
    Deliveries,
    DropDeliveries,
    Look,
    Info,
    Check,
    Backup,
    Pause,
    Resume,
    TestAlert,
    Approve,
    Resync,
    CreateToken,
    Tokens,
    RevokeToken,
    BeginAuthorization,
    Authorize,
    Audit,
}

impl Sort {
    /// Whether what it asks for changes the state. Others only look, at the state or at what is outside.
    pub const fn changes(self) -> bool {
        match self {
            Self::Apply
            | Self::AcceptPending
            | Self::Rollback
            | Self::Run
            | Self::ReplayRejects
            | Self::DropDeliveries
            | Self::Pause
            | Self::Resume
            | Self::Approve
            | Self::Resync
            | Self::CreateToken
            | Self::RevokeToken
            | Self::BeginAuthorization
            | Self::Authorize => true,
            Self::Head
            | Self::Plan
            | Self::Pending
            | Self::History
            | Self::Generation
            | Self::Difference
            | Self::PlanRollback
            | Self::Resource
            | Self::Entities
            | Self::EntitiesOf
            | Self::Flows
            | Self::Problems
            | Self::Overview
            | Self::Status
            | Self::StatusOf
            | Self::Runs
            | Self::Records
            | Self::Explain
            | Self::Sample
            | Self::Rejects
            | Self::RejectSummary
            | Self::Deliveries
            | Self::Look
            | Self::Info
            | Self::Check
            | Self::Backup
            | Self::TestAlert
            | Self::Tokens
            | Self::Audit => false,
        }
    }
}

impl Request {
    /// What sort of request it is.
    pub const fn sort(&self) -> Sort {
        match self {
            Self::Head => Sort::Head,
            Self::Plan(..) => Sort::Plan,
            Self::Apply(..) => Sort::Apply,
            Self::Pending => Sort::Pending,
            Self::AcceptPending { .. } => Sort::AcceptPending,
            Self::History { .. } => Sort::History,
            Self::Generation { .. } => Sort::Generation,
            Self::Difference { .. } => Sort::Difference,
            Self::PlanRollback { .. } => Sort::PlanRollback,
            Self::Rollback { .. } => Sort::Rollback,
            Self::Resource(_) => Sort::Resource,
            Self::Entities => Sort::Entities,
            Self::EntitiesOf(_) => Sort::EntitiesOf,
            Self::Flows => Sort::Flows,
            Self::Problems => Sort::Problems,
            Self::Run { .. } => Sort::Run,
            Self::Overview(_) => Sort::Overview,
            Self::Status => Sort::Status,
            Self::StatusOf(_) => Sort::StatusOf,
            Self::Runs { .. } => Sort::Runs,
            Self::Records { .. } => Sort::Records,
            Self::Explain { .. } => Sort::Explain,
            Self::Sample { .. } => Sort::Sample,
            Self::Rejects { .. } => Sort::Rejects,
            Self::RejectSummary(_) => Sort::RejectSummary,
            Self::ReplayRejects { .. } => Sort::ReplayRejects,
            Self::Deliveries { .. } => Sort::Deliveries,
            Self::DropDeliveries { .. } => Sort::DropDeliveries,
            Self::Look(_) => Sort::Look,
            Self::Info => Sort::Info,
            Self::Check => Sort::Check,
            Self::Backup { .. } => Sort::Backup,
            Self::Pause { .. } => Sort::Pause,
            Self::Resume { .. } => Sort::Resume,
            Self::TestAlert { .. } => Sort::TestAlert,
            Self::Approve { .. } => Sort::Approve,
            Self::Resync { .. } => Sort::Resync,
            Self::CreateToken { .. } => Sort::CreateToken,
            Self::Tokens => Sort::Tokens,
            Self::RevokeToken { .. } => Sort::RevokeToken,
            Self::BeginAuthorization(..) => Sort::BeginAuthorization,
            Self::Authorize(..) => Sort::Authorize,
            Self::Audit { .. } => Sort::Audit,
        }
    }
}

impl Sort {
    /// How many bytes are looked through for it.
    pub const LONGEST: usize = 256;

    /// The sort of a request of which only the beginning is there; none when it is none that we know.
    pub fn of_beginning(json: &[u8]) -> Option<Self> {
        let text = json.get(..json.len().min(Self::LONGEST))?.trim_ascii_start();
        let text = text.strip_prefix(b"{").map_or(text, <[u8]>::trim_ascii_start);
        let name = text.strip_prefix(b"\"")?.split(|byte| *byte == b'"').next()?;
        // A name that goes on beyond what is there is none of ours.
        let name: StrDeserializer<'_, Error> = std::str::from_utf8(name).ok()?.into_deserializer();
        Self::deserialize(name).ok()
    }

    /// What one with a configuration asks, in words; none of one that has none and is therefore small.
    pub const fn with_configuration(self) -> Option<&'static str> {
        match self {
            Self::Plan => Some("plan"),
            Self::Apply => Some("apply"),
            Self::Sample => Some("sample a plan"),
            Self::Look => Some("look at a source"),
            Self::Head
            | Self::History
            | Self::Generation
            | Self::Difference
            | Self::PlanRollback
            | Self::Rollback
            | Self::Resource
            | Self::Entities
            | Self::EntitiesOf
            | Self::Flows
            | Self::Problems
            | Self::Overview
            | Self::Status
            | Self::StatusOf
            | Self::Runs
            | Self::Records
            | Self::Explain
            | Self::Rejects
            | Self::RejectSummary
            | Self::Deliveries
            | Self::Info
            | Self::Pending
            | Self::Audit
            | Self::AcceptPending
            | Self::Run
            | Self::ReplayRejects
            | Self::DropDeliveries
            | Self::Check
            | Self::Backup
            | Self::Pause
            | Self::Resume
            | Self::TestAlert
            | Self::Approve
            | Self::Resync
            | Self::CreateToken
            | Self::Tokens
            | Self::RevokeToken
            | Self::BeginAuthorization
            | Self::Authorize => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_stands_at_the_beginning() {
        let check = |json: &str, expected: Option<Sort>| {
            assert_eq!(Sort::of_beginning(json.as_bytes()), expected, "{json}");
        };
        check("\"status\"", Some(Sort::Status));
        check(" \n\t{ \"acceptPending\" : {", Some(Sort::AcceptPending));
        check("{\"plan\":[{", Some(Sort::Plan));
        check("{\"plan", Some(Sort::Plan));
        check("{\"pla", None);
        check("{\"Plan\":", None);
        check("", None);
        check("{}", None);
        check("[\"plan\"]", None);
        check(&format!("{}\"plan\"", " ".repeat(Sort::LONGEST)), None);
    }
}
