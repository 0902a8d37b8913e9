//! Tries out whether alerts arrive.

use raccord_model::fact::NoticeAbout;
use raccord_model::{Kind, Name};

use crate::alert::deliver::{deliver_all, deliver_at_once};
use crate::alert::{audience, notices};
use crate::applied::Applied;
use crate::engine::{Engine, EngineError, Replies};
use crate::request::Reply;

/// Tells everybody whom an integration alerts that this is a test; says of each whether it was taken.
///
/// Where all of it was, what waits in the outbox is tried again as well: something may have been mended.
pub async fn test(engine: &Engine, name: &Name, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    let applied = Applied::load(&engine.state).await?;
    let uid = applied
        .uid(Kind::Integration, name)
        .ok_or_else(|| EngineError::unknown(Kind::Integration, name, applied.index.keys()))?;
    let audience = audience(&applied, &[uid]);
    if audience.is_empty() {
        return Err(EngineError::Invalid(format!("`{name}` alerts nobody: it has no `alerts`")));
    }
    let about = NoticeAbout::Test { integration: name.clone() };
    let mut new_id = || engine.environment.new_id();
    let notices = notices(&about, audience, engine.environment.now(), &mut new_id);
    let told = deliver_at_once(engine, notices).await?;
    let all_taken = told.iter().all(|alerted| alerted.error.is_none());
    for alerted in told {
        replies(Reply::Alerted(alerted));
    }
    if all_taken {
        let sent = deliver_all(engine).await?.sent;
        if sent > 0 {
            let alerts = if sent == 1 { "alert that waited was" } else { "alerts that waited were" };
            replies(Reply::Done(format!("{sent} {alerts} sent, too")));
        }
    }
    Ok(())
}
