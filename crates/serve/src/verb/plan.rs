//! Planning: what applying a configuration would do.

use raccord_daemon::plan::current;
use raccord_model::Desired;
use raccord_plan::{Options, diff};
use raccord_run::Ports;

use crate::reply::{Replies, RequestError};
use crate::request::Reply;

/// What applying a configuration would do.
pub async fn plan(
    ports: &Ports,
    desired: &Desired,
    options: &Options,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let current = current(ports, desired).await?;
    replies(Reply::Plan(Box::new(diff(desired, &current, options)?)));
    Ok(())
}
