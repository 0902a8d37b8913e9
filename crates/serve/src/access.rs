//! Who may ask what: the role that each request needs, what is asked on the machine itself alone, and under whose
//! name something is done. Pure.

use raccord_model::fact::Role;

use crate::failure::{Failure, FailureCode};
use crate::request::{Request, Sort, Text};
use crate::transport::{Caller, Way};

/// The role that a token must include for a request.
///
/// What reads a source with the secrets that lie where runs happen needs `operate`: a caller that uploads the
/// configuration also says where those secrets are sent.
pub const fn required(sort: Sort) -> Role {
    match sort {
        Sort::Head
        | Sort::History
        | Sort::Generation
        | Sort::Difference
        | Sort::Resource
        | Sort::Entities
        | Sort::EntitiesOf
        | Sort::Flows
        | Sort::Problems
        | Sort::Overview
        | Sort::Status
        | Sort::StatusOf
        | Sort::Runs
        | Sort::Records
        | Sort::Explain
        | Sort::Rejects
        | Sort::RejectSummary
        | Sort::Deliveries
        | Sort::Info
        | Sort::Pending
        | Sort::Audit => Role::Read,
        Sort::Plan | Sort::PlanRollback => Role::Plan,
        Sort::Apply | Sort::AcceptPending | Sort::Rollback => Role::Apply,
        Sort::Run
        | Sort::Sample
        | Sort::ReplayRejects
        | Sort::DropDeliveries
        | Sort::Look
        | Sort::Check
        | Sort::Backup
        | Sort::Pause
        | Sort::Resume
        | Sort::TestAlert
        | Sort::Approve
        | Sort::Resync
        | Sort::CreateToken
        | Sort::Tokens
        | Sort::RevokeToken
        | Sort::BeginAuthorization
        | Sort::Authorize => Role::Operate,
    }
}

/// Why a request is not answered over a way, whatever the roles of who asks.
pub fn admit(sort: Sort, way: Way) -> Result<(), Failure> {
    let what = match way {
        Way::Local => return Ok(()),
        Way::Http => on_the_machine_alone(sort),
    };
    let Some(what) = what else { return Ok(()) };
    Err(Failure::new(FailureCode::Forbidden, format!("{what} on the machine of the state alone")))
}

/// What of a request is done on the machine of the state alone, in words.
const fn on_the_machine_alone(sort: Sort) -> Option<&'static str> {
    match sort {
        Sort::CreateToken | Sort::RevokeToken | Sort::Tokens => Some("tokens are made, listed and revoked"),
        Sort::Backup => Some("a backup writes a local file: it is made"),
        Sort::Head
        | Sort::History
        | Sort::Generation
        | Sort::Difference
        | Sort::PlanRollback
        | Sort::Rollback
        | Sort::Resource
        | Sort::Entities
        | Sort::EntitiesOf
        | Sort::Flows
        | Sort::Problems
        | Sort::Overview
        | Sort::Status
        | Sort::StatusOf
        | Sort::Runs
        | Sort::Records
        | Sort::Explain
        | Sort::Rejects
        | Sort::RejectSummary
        | Sort::Deliveries
        | Sort::Info
        | Sort::Pending
        | Sort::Audit
        | Sort::Plan
        | Sort::Apply
        | Sort::AcceptPending
        | Sort::Run
        | Sort::Sample
        | Sort::ReplayRejects
        | Sort::DropDeliveries
        | Sort::Look
        | Sort::Check
        | Sort::Pause
        | Sort::Resume
        | Sort::TestAlert
        | Sort::Approve
        | Sort::Resync
        | Sort::BeginAuthorization
        | Sort::Authorize => None,
    }
}

/// The request under the name of who asks: over HTTP no caller acts in another's.
#[must_use]
pub fn attribute(mut request: Request, caller: &Caller) -> Request {
    if let Some(name) = &caller.name {
        match &mut request {
            Request::Apply(_, options) => options.by = Text::cut(name),
            Request::AcceptPending { by, .. } | Request::Rollback { by, .. } => *by = Text::cut(name),
            Request::Resume { by, .. } => *by = Some(Text::cut(name)),
            // These say no name.
            Request::Head
            | Request::Plan(..)
            | Request::Pending
            | Request::History { .. }
            | Request::Generation { .. }
            | Request::Difference { .. }
            | Request::PlanRollback { .. }
            | Request::Resource(_)
            | Request::Entities
            | Request::EntitiesOf(_)
            | Request::Flows
            | Request::Problems
            | Request::Run { .. }
            | Request::Overview(_)
            | Request::Status
            | Request::StatusOf(_)
            | Request::Runs { .. }
            | Request::Records { .. }
            | Request::Explain { .. }
            | Request::Sample { .. }
            | Request::Rejects { .. }
            | Request::RejectSummary(_)
            | Request::ReplayRejects { .. }
            | Request::Deliveries { .. }
            | Request::DropDeliveries { .. }
            | Request::Look(_)
            | Request::Info
            | Request::Check
            | Request::Backup { .. }
            | Request::Pause { .. }
            | Request::TestAlert { .. }
            | Request::Approve { .. }
            | Request::Resync { .. }
            | Request::CreateToken { .. }
            | Request::Tokens
            | Request::RevokeToken { .. }
            | Request::BeginAuthorization(..)
            | Request::Authorize(..)
            | Request::Audit { .. } => {}
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(name: &str) -> Caller {
        Caller { name: Some(name.to_owned()), way: Way::Http }
    }

    #[test]
    fn whoever_asks_over_http_acts_in_their_own_name() {
        let accept = Request::AcceptPending {
            options: raccord_plan::Options::default(),
            serial: 1,
            configuration: raccord_model::Digest([0; 32]),
            by: Text::cut("the director"),
        };
        let Request::AcceptPending { by, .. } = attribute(accept.clone(), &http("ci (token)")) else {
            panic!()
        };
        assert_eq!(&*by, "ci (token)");
        let Request::AcceptPending { by, .. } = attribute(accept, &Caller::local()) else { panic!() };
        assert_eq!(&*by, "the director");
        let resume = Request::Resume { integration: "shop".parse().unwrap(), by: None };
        let Request::Resume { by, .. } = attribute(resume, &http("ci (token)")) else { panic!() };
        assert_eq!(by.as_deref(), Some("ci (token)"));
    }

    #[test]
    fn what_concerns_the_machine_is_asked_there() {
        let name = || "ci".parse().unwrap();
        let requests = [
            Request::Tokens,
            Request::RevokeToken { name: name() },
            Request::CreateToken { name: name(), roles: [Role::Read].into(), expires: None },
            Request::Backup { to: "/tmp/copy".into() },
        ];
        for request in requests {
            assert!(admit(request.sort(), Way::Local).is_ok());
            assert_eq!(
                admit(request.sort(), Way::Http).unwrap_err().code,
                FailureCode::Forbidden,
                "{request:?}"
            );
        }
        assert!(admit(Sort::Status, Way::Http).is_ok());
    }
}
