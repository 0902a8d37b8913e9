//! Planning: what applying a configuration would do.

use raccord_daemon::plan::current;
use raccord_daemon::tables;
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
    let mut plan = diff(desired, &current, options)?;
    tables::add_to(ports, desired, &current, &mut plan).await?;
    replies(Reply::Plan(Box::new(plan)));
    Ok(())
}
