//! Agreements of people: beginning one, and keeping what comes of it. Of the generation in force alone, so that no
//! caller sends what was agreed to a server of their choice.

use std::sync::Arc;

use raccord_model::language::ByNameOrInline;
use raccord_model::port::authorization::{Agreement, Completion, Consent, Standing};
use raccord_model::{Desired, Kind, Name};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::moment::Moment;

use crate::reply::{Replies, RequestError};
use crate::request::{Place, Reply};

/// Begins an agreement: what the person is asked to do.
pub async fn begin(
    ports: &Ports,
    name: &Name,
    redirect: Option<Place>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let applied = known(ports, name).await?;
    let invitation =
        ports.outside.authorizations.begin(&applied.desired, name, redirect.map(String::from)).await?;
    replies(Reply::Invitation(invitation));
    Ok(())
}

/// Ends it: the tokens are kept when this is answered.
pub async fn end(
    ports: &Ports,
    name: &Name,
    consent: Consent,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let applied = known(ports, name).await?;
    let completion = ports.outside.authorizations.complete(&applied.desired, name, consent).await?;
    let is_granted = matches!(completion, Completion::Granted(_));
    replies(Reply::Authorized(completion));
    if is_granted {
        for integration in disabled(ports, name).await? {
            replies(Reply::Done(format!(
                "{integration} is disabled; `raccord resume {integration}` starts it again"
            )));
        }
    }
    Ok(())
}

async fn known(ports: &Ports, name: &Name) -> Result<Arc<Applied>, RequestError> {
    let applied = ports.applied().await?;
    if applied.uid(Kind::Authorization, name).is_none() {
        return Err(RequestError::unknown(Kind::Authorization, name, applied.index.keys()));
    }
    Ok(applied)
}

/// The integrations that the breaker has disabled and that read with an Authorization.
async fn disabled(ports: &Ports, authorization: &Name) -> Result<Vec<Name>, RequestError> {
    let moment = Moment::read(ports).await?;
    let reads = |transfer: &Name| {
        let source = moment.applied.desired.transfer(transfer).map(|spec| &spec.source);
        let source = source.and_then(|source| moment.applied.desired.source(source));
        source.and_then(|spec| spec.authorization.as_ref()).and_then(ByNameOrInline::name)
            == Some(authorization)
    };
    let integrations = moment.applied.integrations();
    let disabled = integrations.filter(|(name, uid, _)| {
        moment.integration(*uid).trip.is_some()
            && super::operate::subscriptions(&moment.applied, name).iter().any(|(name, _)| reads(name))
    });
    Ok(disabled.map(|(name, ..)| name.clone()).collect())
}

/// How the Authorizations stand that have tokens. What cannot be read is left out, with a note.
pub async fn standings(ports: &Ports, desired: &Desired) -> (Vec<Standing>, Vec<String>) {
    match ports.outside.authorizations.standings(desired).await {
        Ok(standings) => {
            let notes = standings.iter().filter_map(note).collect();
            (standings, notes)
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            (Vec::new(), vec![format!("{error}{}", cause.unwrap_or_default())])
        }
    }
}

/// What a person has to do.
fn note(standing: &Standing) -> Option<String> {
    let name = &standing.name;
    match standing.state {
        Agreement::Waiting | Agreement::Revoked => Some(format!(
            "Authorization `{name}` is {}: run `raccord authorize {name}`",
            standing.state.as_str()
        )),
        Agreement::Granted | Agreement::Unasked => None,
    }
}
