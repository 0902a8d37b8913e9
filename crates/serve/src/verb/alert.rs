//! Tries out whether alerts arrive.

use raccord_model::fact::NoticeAbout;
use raccord_model::{Kind, Name};

use crate::reply::{Replies, RequestError};
use crate::request::{Alerted, Reply};
use raccord_daemon::alert::deliver::{Attempt, deliver_all, deliver_at_once};
use raccord_run::Ports;
use raccord_run::notice::{audience, notices};

/// Tells everybody whom an integration alerts that this is a test; says of each whether it was taken.
///
/// Where all of it was, what waits in the outbox is tried again as well: something may have been mended.
pub async fn test(ports: &Ports, name: &Name, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let applied = ports.applied().await?;
    let uid = applied
        .uid(Kind::Integration, name)
        .ok_or_else(|| RequestError::unknown(Kind::Integration, name, applied.index.keys()))?;
    let audience = audience(&applied, &[uid]);
    if audience.is_empty() {
        return Err(RequestError::Invalid(format!("`{name}` has no recipients: it has no `alerts`")));
    }
    let about = NoticeAbout::Test { integration: name.clone() };
    let mut new_id = || ports.environment.new_id();
    let notices = notices(&about, audience, ports.environment.now(), &mut new_id);
    let told = deliver_at_once(ports, notices).await?;
    let all_taken = told.iter().all(|alerted| alerted.error.is_none());
    for Attempt { to, error } in told {
        replies(Reply::Alerted(Alerted { to, error }));
    }
    if all_taken {
        let sent = deliver_all(ports).await?.sent;
        if sent > 0 {
            let alerts = if sent == 1 { "alert that waited was" } else { "alerts that waited were" };
            replies(Reply::Done(format!("{sent} {alerts} sent, too")));
        }
    }
    Ok(())
}
