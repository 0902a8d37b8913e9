//! `raccord rollback`.

use std::sync::Arc;

use clap::Args;
use raccord_serve::request::StatusQuery;
use raccord_serve::{Reply, Request};

use super::apply::{Change, plan_and_apply};
use super::plan::Scope;
use crate::error::CommandError;
use crate::options::Global;
use crate::render::plan::Detail;
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// Go back to the configuration of an earlier generation
///
/// Makes a new generation with a plan of its own. Checkpoints, records and trips never go back.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord history\n  raccord rollback 41")]
pub(crate) struct RollbackArgs {
    /// The generation to go back to
    generation: u64,
    #[command(flatten)]
    scope: Scope,
    /// Do not ask
    #[arg(long)]
    auto_approve: bool,
}

/// Refuses beside a daemon that follows files or a repository: the next reading would undo it.
fn refuse_where_files_decide(session: &Session) -> Result<(), CommandError> {
    let query = StatusQuery { limit: 1, ..StatusQuery::default() };
    let status = session.one(Request::StatusOf(query), |reply| match reply {
        Reply::Status(status) => Some(status),
        _ => None,
    })?;
    let Some(daemon) = status.daemon.filter(|daemon| daemon.policy.is_some()) else { return Ok(()) };
    let message = format!("the daemon follows {}, which a rollback would not change", daemon.origin);
    Err(CommandError::new(message).hint("revert the commit or the files there, and the daemon applies that"))
}

pub(crate) fn rollback(ui: &Ui, global: &Global, args: &RollbackArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "rollback", Opening::Existing)?;
    refuse_where_files_decide(&session)?;
    let desired =
        session.one(Request::Generation { number: Some(args.generation) }, |reply| match reply {
            Reply::Desired(desired) => Some(Arc::new(*desired)),
            _ => None,
        })?;
    let change = Change {
        global,
        desired: &desired,
        options: args.scope.options(),
        rollback_to: Some(args.generation),
        detail: Detail::Changes,
    };
    plan_and_apply(ui, &session, &change, args.auto_approve)
}
