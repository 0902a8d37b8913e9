//! Who may ask what: the role that each request needs, what is asked on the machine itself alone, and under whose
//! name something is done. Pure.

use raccord_model::fact::Role;

use crate::failure::{Failure, FailureCode};
use crate::request::Request;
use crate::transport::{Caller, Way};

/// The role that a token must include for a request.
///
/// What reads a source with the secrets that lie where runs happen needs `operate`: whoever uploads the
/// configuration also says where those secrets are sent.
pub const fn required(request: &Request) -> Role {
    match request {
        Request::Head
        | Request::History { .. }
        | Request::Generation { .. }
        | Request::Status
        | Request::Runs { .. }
        | Request::Records { .. }
        | Request::Explain { .. }
        | Request::Rejects { .. }
        | Request::Info
        | Request::Pending
        | Request::Audit { .. } => Role::Read,
        Request::Plan(..) => Role::Plan,
        Request::Apply(..) | Request::AcceptPending { .. } => Role::Apply,
        Request::Run { .. }
        | Request::Sample { .. }
        | Request::ReplayRejects { .. }
        | Request::Look(_)
        | Request::Check
        | Request::Backup { .. }
        | Request::Pause { .. }
        | Request::Resume { .. }
        | Request::TestAlert { .. }
        | Request::Approve { .. }
        | Request::Resync { .. }
        | Request::CreateToken { .. }
        | Request::Tokens
        | Request::RevokeToken { .. } => Role::Operate,
    }
}

/// Why a request is not answered over a way, whatever the roles of who asks.
pub fn admit(request: &Request, way: Way) -> Result<(), Failure> {
    let what = match (way, request) {
        (Way::Http, Request::CreateToken { .. } | Request::RevokeToken { .. } | Request::Tokens) => {
            "tokens are made, listed and revoked"
        }
        (Way::Http, Request::Backup { .. }) => "a backup writes a local file: it is made",
        _ => return Ok(()),
    };
    Err(Failure::new(FailureCode::Forbidden, format!("{what} on the machine of the state alone")))
}

/// The request under the name of who asks: over HTTP nobody acts in somebody else's.
#[must_use]
pub fn attribute(mut request: Request, caller: &Caller) -> Request {
    if let Some(name) = &caller.name {
        match &mut request {
            Request::Apply(_, options) => options.by.clone_from(name),
            Request::AcceptPending { by, .. } => by.clone_from(name),
            Request::Resume { by, .. } => *by = Some(name.clone()),
            _ => {}
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
            by: "the director".to_owned(),
        };
        let Request::AcceptPending { by, .. } = attribute(accept.clone(), &http("ci (token)")) else {
            panic!()
        };
        assert_eq!(by, "ci (token)");
        let Request::AcceptPending { by, .. } = attribute(accept, &Caller::local()) else { panic!() };
        assert_eq!(by, "the director");
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
            assert!(admit(&request, Way::Local).is_ok());
            assert_eq!(admit(&request, Way::Http).unwrap_err().code, FailureCode::Forbidden, "{request:?}");
        }
        assert!(admit(&Request::Status, Way::Http).is_ok());
    }
}
