//! Applying: the verb; what it does is the daemon's, which applies what it reads in the same way.

use raccord_daemon::apply;
use raccord_model::Desired;
use raccord_run::Ports;

use crate::reply::{Replies, RequestError};
use crate::request::{ApplyOptions, Reply};

/// Applies a configuration.
pub async fn apply(
    ports: &Ports,
    desired: &Desired,
    options: ApplyOptions,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    replies(Reply::Applied(apply::apply(ports, desired, &options.into()).await?));
    Ok(())
}
