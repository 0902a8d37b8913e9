//! Running what is activated, once, in the process that asks.

use raccord_daemon::shell::run_once;
use raccord_model::Name;
use raccord_run::Ports;
use tokio::sync::watch;

use crate::reply::{Replies, RequestError};
use crate::request::Reply;

/// Runs the activated integrations of the generation in force once; all of them, or those named.
pub async fn run(
    ports: &Ports,
    integrations: &[Name],
    stop: watch::Receiver<bool>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let report = run_once(ports, integrations, stop, &mut |news| replies(news.into())).await?;
    replies(Reply::Report(report));
    Ok(())
}
