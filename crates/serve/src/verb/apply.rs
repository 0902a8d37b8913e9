//! Applying: the verb; what it does is the daemon's, which applies what it reads in the same way.

use raccord_daemon::apply;
use raccord_model::Desired;
use raccord_run::Ports;
use raccord_run::moment::Moment;

use super::status;
use crate::reply::{Replies, RequestError};
use crate::request::{ApplyOptions, Reply};

/// Applies a configuration.
pub async fn apply(
    ports: &Ports,
    desired: &Desired,
    options: ApplyOptions,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let generation = apply::apply(ports, desired, &options.into()).await?;
    // What of it is still to be done comes first: the number ends the answer.
    let moment = Moment::read(ports).await?;
    for said in status::waiting(&moment.applied, &moment.steps) {
        replies(Reply::Done(said));
    }
    replies(Reply::Applied(generation));
    Ok(())
}
