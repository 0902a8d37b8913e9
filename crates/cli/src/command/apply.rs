//! `raccord apply`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use raccord_model::Desired;
use raccord_model::plan::{Action, Consequence};
use raccord_serve::plan::{Options, Plan, saved};
use raccord_serve::request::{ApplyOptions, Text};
use raccord_serve::{Reply, Request};

use super::plan::{Scope, ask, ask_pending};
use crate::configuration;
use crate::error::CommandError;
use crate::options::{Global, is_configuration};
use crate::render::{self, plan::Detail};
use crate::session::{self, Opening, Session};
use crate::ui::Ui;

/// Apply the configuration, after showing the plan and asking
///
/// One transaction: the new generation is wholly there or not at all.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord apply\n  raccord apply --auto-approve --allow-delete\n  \
    raccord apply change.plan")]
pub(crate) struct ApplyArgs {
    /// A plan that `raccord plan --out` saved; applied as it is, or refused when the state has moved
    #[arg(value_name = "PLAN", conflicts_with = "targets")]
    plan: Option<PathBuf>,
    /// Apply what waits for a person at the daemon, instead of the configuration here
    #[arg(long, conflicts_with_all = ["plan", "files", "targets"])]
    pending: bool,
    #[command(flatten)]
    scope: Scope,
    /// Do not ask
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Show every field of what is created
    #[arg(long)]
    full: bool,
}

pub(crate) fn apply(ui: &Ui, global: &Global, args: &ApplyArgs) -> Result<(), CommandError> {
    crate::arenas::limit(crate::arenas::OF_AN_APPLY);
    if let Some(path) = &args.plan {
        return apply_saved(ui, global, path);
    }
    if args.pending {
        return accept_pending(ui, global, args);
    }
    let desired = Arc::new(configuration::desired(ui, global)?);
    let session = Session::open(global, "apply", Opening::Imagine)?;
    let detail = if args.full { Detail::Full } else { Detail::Changes };
    let change =
        Change { global, desired: &desired, options: args.scope.options(), rollback_to: None, detail };
    plan_and_apply(ui, &session, &change, args.auto_approve)
}

/// Something to be planned, shown, agreed to and applied.
pub(crate) struct Change<'a> {
    pub(crate) global: &'a Global,
    pub(crate) desired: &'a Arc<Desired>,
    pub(crate) options: Options,
    pub(crate) rollback_to: Option<u64>,
    pub(crate) detail: Detail,
}

/// Shows the plan, asks unless told not to, and applies it.
pub(crate) fn plan_and_apply(
    ui: &Ui,
    session: &Session,
    change: &Change<'_>,
    auto_approve: bool,
) -> Result<(), CommandError> {
    let options = Options { brief: change.detail == Detail::Changes, ..change.options.clone() };
    // A plan is the first thing an apply asks for, and its role the first that is missing.
    let plan = ask(session, change.desired, &options).map_err(|error| {
        if error.is_forbidden() { error.hint("applying needs a token with the role apply") } else { error }
    })?;
    ui.print(&render::plan::text(&plan, change.detail))?;
    if !plan.has_work() {
        return Ok(());
    }
    if !plan.is_allowed() {
        return Err(refused_until_allowed(&plan));
    }
    if (!plan.is_empty() || plan.changes_tables()) && !auto_approve {
        agree(ui)?;
    }
    let serial = plan.serial;
    // The engine plans again under the same serial, and one plan of everything new is large enough.
    drop(plan);
    commit(ui, session, change, serial)
}

/// Asks the user at the terminal.
fn agree(ui: &Ui) -> Result<(), CommandError> {
    match ui.confirm("Apply these changes? Only `yes` is taken for an answer:")? {
        Some(true) => Ok(()),
        Some(false) => Err(CommandError::new("not applied")),
        None => Err(CommandError::new("nobody is there to be asked, so nothing was applied")
            .hint("--auto-approve applies without asking")),
    }
}

/// Shows what waits at the daemon, asks unless told not to, and has it applied.
fn accept_pending(ui: &Ui, global: &Global, args: &ApplyArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "apply", Opening::Existing)?;
    let options = args.scope.options();
    let plan = ask_pending(&session, &options)?;
    let detail = if args.full { Detail::Full } else { Detail::Changes };
    ui.print(&render::plan::text(&plan, detail))?;
    if !plan.is_allowed() {
        return Err(refused_until_allowed(&plan));
    }
    if !args.auto_approve {
        agree(ui)?;
    }
    let request = Request::AcceptPending {
        options,
        serial: plan.serial,
        configuration: plan.configuration,
        by: Text::cut(&session::who()),
    };
    applied(ui, &session, request)
}

/// Commits under the serial that was planned on; the state begins here where there is none yet.
fn commit(ui: &Ui, session: &Session, change: &Change<'_>, serial: u64) -> Result<(), CommandError> {
    let begun = if session.is_imagined()? {
        Some(Session::open(change.global, "apply", Opening::Create)?)
    } else {
        None
    };
    let session = begun.as_ref().unwrap_or(session);
    let options = ApplyOptions {
        plan: change.options.clone(),
        serial,
        by: Text::cut(&session::who()),
        rollback_to: change.rollback_to,
        commit: None,
    };
    applied(ui, session, Request::Apply(Arc::clone(change.desired), options))
}

/// What an apply says of itself.
enum Said {
    Applied(u64),
    /// What of it is still to be done.
    Unfinished(String),
}

/// Has something applied, and says which generation it became.
fn applied(ui: &Ui, session: &Session, request: Request) -> Result<(), CommandError> {
    let said = session.collect(request, |reply| match reply {
        Reply::Applied(generation) => Some(Said::Applied(generation)),
        Reply::Done(said) => Some(Said::Unfinished(said)),
        _ => None,
    })?;
    for said in said.into_iter().rev() {
        match said {
            Said::Applied(generation) => ui.line(&format!("applied: generation {generation}"))?,
            Said::Unfinished(said) => ui.note(&said),
        }
    }
    Ok(())
}

fn apply_saved(ui: &Ui, global: &Global, path: &PathBuf) -> Result<(), CommandError> {
    if is_configuration(path) {
        let message = format!("{} is no plan that was saved", path.display());
        let hint = format!("`raccord apply -f {}` applies the YAML", path.display());
        return Err(CommandError::usage(message).hint(hint));
    }
    let bytes = std::fs::read(path)
        .map_err(|error| CommandError::new(format!("read {}: {error}", path.display())))?;
    let saved = saved::read(&bytes).map_err(|error| CommandError::of(&error))?;
    let session = Session::open(global, "apply", Opening::Imagine)?;
    let head = session.head()?;
    if let Some(stale) = saved::stale(&saved, &head) {
        return Err(CommandError::new(stale.to_string()).hint("plan again and look at what has changed"));
    }
    ui.print(&render::plan::text(&saved.plan, Detail::Changes))?;
    if !saved.plan.is_allowed() {
        return Err(refused_as_saved(&flags(&saved.plan)));
    }
    let targets = if saved.plan.targeted {
        saved.plan.changes.iter().map(|change| change.key.clone()).collect()
    } else {
        Vec::new()
    };
    // What the plan shows was allowed when it was saved.
    let allowed = saved.options.unwrap_or_else(|| needed(&saved.plan));
    let options = Options { targets, brief: true, ..allowed };
    let desired = Arc::new(saved.desired);
    for grown in saved::grown(&saved.plan, &ask(&session, &desired, &options)?) {
        ui.note(&format!("since the plan was made: {grown}"));
    }
    let change = Change { global, desired: &desired, options, rollback_to: None, detail: Detail::Changes };
    commit(ui, &session, &change, saved.plan.serial)
}

/// What a plan that is not refused must have been allowed to do.
fn needed(plan: &Plan) -> Options {
    let has = |wanted: &[Consequence]| plan.effects.iter().any(|effect| wanted.contains(&effect.consequence));
    let deletes = plan.changes.iter().any(|change| change.action == Action::Delete);
    Options {
        allow_delete: deletes
            || has(&[Consequence::Drop, Consequence::DropField])
            || plan.effects.iter().any(|effect| !effect.lost.is_empty()),
        allow_rekey: has(&[Consequence::Rekey]),
        ..Options::default()
    }
}

fn refused() -> CommandError {
    CommandError::new("the plan may not be applied as it is")
}

/// What is refused here and now can be allowed here and now, unless no flag does it.
pub(crate) fn refused_until_allowed(plan: &Plan) -> CommandError {
    let allows = |flag| format!("{flag} allows it, once you have looked at what is lost");
    flags(plan).into_iter().map(allows).fold(refused(), CommandError::hint)
}

/// A saved plan is applied as it was made, so its flags belong to the planning.
fn refused_as_saved(flags: &[&str]) -> CommandError {
    if flags.is_empty() {
        return refused();
    }
    refused().hint(plan_again(flags))
}

/// What to do about a saved plan that is refused.
pub(crate) fn plan_again(flags: &[&str]) -> String {
    format!("plan again with {}, once you have looked at what is lost", flags.join(" "))
}

/// The flags that lift what is refused, each once.
pub(crate) fn flags(plan: &Plan) -> Vec<&'static str> {
    let mut flags: Vec<_> = plan.refusals.iter().filter_map(raccord_serve::plan::Refusal::flag).collect();
    flags.sort_unstable();
    flags.dedup();
    flags
}
