//! `raccord plan`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use raccord_model::{Desired, Key, Kind, Name};
use raccord_serve::plan::{Change, Options, Plan, Refusal, Subject, saved};
use raccord_serve::{Reply, Request};

use super::apply::{flags, plan_again, refused_until_allowed};
use crate::complete;
use crate::configuration;
use crate::error::CommandError;
use crate::options::{Global, is_configuration};
use crate::render::{self, plan::Detail};
use crate::session::{self, Opening, Session};
use crate::ui::Ui;

/// The exit code of `--detailed-exitcode` when there are changes.
const CHANGES: u8 = 2;

/// Show what applying would change, and what that means for the data
///
/// Reads no secret. Nothing is changed. A plan that `apply` would refuse is shown, and ends with 1.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord plan\n  raccord plan --out change.plan && raccord apply change.plan\n  \
    raccord plan --output markdown --detailed-exitcode"
)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Save the plan, to be applied as it is
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The form of the plan
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// End with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Show what waits for a person at the daemon, instead of the configuration here
    #[arg(long, conflicts_with_all = ["out", "sample", "files"])]
    pending: bool,
    /// Show every field of what is created
    #[arg(long)]
    full: bool,
    /// Read N records of each transfer that changes, and show rows before and after; writes nothing
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10")]
    sample: Option<usize>,
}

/// What a plan may do and how far it reaches.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// Only this resource and what it depends on; can be repeated
    #[arg(long = "target", value_name = "KIND/NAME", add = ArgValueCandidates::new(complete::keys))]
    targets: Vec<Key>,
    /// Allow resources, entities, fields, and rows that nothing reads again to be deleted
    #[arg(long)]
    allow_delete: bool,
    /// Allow rows to be dropped and read again under other keys
    #[arg(long)]
    allow_rekey: bool,
}

impl Scope {
    pub(crate) fn options(&self) -> Options {
        Options {
            targets: self.targets.clone(),
            allow_delete: self.allow_delete,
            allow_rekey: self.allow_rekey,
            brief: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For tools.
    Json,
    /// For a comment on a pull request; less than 65,000 characters whatever the size.
    Markdown,
}

pub(crate) fn plan(ui: &Ui, global: &Global, args: &PlanArgs) -> Result<ExitCode, CommandError> {
    if args.pending {
        let session = Session::open(global, "plan", Opening::Existing)?;
        let plan = ask_pending(&session, &args.scope.options())?;
        show(*ui, &plan, args)?;
        return exit_code(args, &plan);
    }
    if let Some(path) = args.out.as_deref().filter(|path| is_configuration(path)) {
        let message = format!("{} is a file of the configuration, or a directory", path.display());
        return Err(
            CommandError::usage(message).hint("`raccord plan --out change.plan` saves the plan beside it")
        );
    }
    let desired = Arc::new(configuration::desired(ui, global)?);
    let session = Session::open(global, "plan", Opening::Imagine)?;
    if session.is_imagined()? {
        ui.note(&format!("there is no state at {} yet: an apply would begin one", global.state));
    }
    let detail = if args.full { Detail::Full } else { Detail::Changes };
    let is_for_people = args.output != Output::Json && args.out.is_none();
    let options = Options { brief: is_for_people && detail == Detail::Changes, ..args.scope.options() };
    let plan = ask(&session, &desired, &options)?;
    show(*ui, &plan, args)?;
    if let Some(limit) = args.sample {
        show_samples(ui, &session, &desired, &plan, limit)?;
    }
    if let Some(path) = &args.out {
        let bytes =
            saved::write(&plan, &desired, Some(&options)).map_err(|error| CommandError::of(&error))?;
        session::write_file(path, &bytes)?;
        ui.note(&saved_note(path, &plan));
    }
    exit_code(args, &plan)
}

/// What can be done with a plan that was saved.
fn saved_note(path: &Path, plan: &Plan) -> String {
    if plan.is_allowed() {
        return format!("saved; `raccord apply {}` applies it", path.display());
    }
    let flags = flags(plan);
    let advice =
        if flags.is_empty() { "what is refused above must change".to_owned() } else { plan_again(&flags) };
    format!("saved to be looked at; it may not be applied as it is: {advice}")
}

fn show(ui: Ui, plan: &Plan, args: &PlanArgs) -> Result<(), CommandError> {
    let detail = if args.full { Detail::Full } else { Detail::Changes };
    match args.output {
        Output::Text => ui.print(&render::plan::text(plan, detail))?,
        Output::Json => ui.json(plan)?,
        Output::Markdown => ui.print(&render::markdown::plan(plan))?,
    }
    Ok(())
}

/// What a plan that was shown ends with. One that an apply would refuse is an error, as the apply would be.
fn exit_code(args: &PlanArgs, plan: &Plan) -> Result<ExitCode, CommandError> {
    if !plan.is_allowed() {
        return Err(refused_until_allowed(plan));
    }
    let changes = !plan.is_empty() || plan.changes_tables();
    Ok(if args.detailed_exitcode && changes { ExitCode::from(CHANGES) } else { ExitCode::SUCCESS })
}

/// Asks for the plan of what waits at the daemon, and leaves out of its refusals what is allowed here.
pub(crate) fn ask_pending(session: &Session, options: &Options) -> Result<Plan, CommandError> {
    let mut plan = session.one(Request::Pending, |reply| match reply {
        Reply::Plan(plan) => Some(*plan),
        _ => None,
    })?;
    let is_allowed = |refusal: &Refusal| match refusal.flag() {
        Some("--allow-delete") => options.allow_delete,
        Some("--allow-rekey") => options.allow_rekey,
        _ => false,
    };
    plan.refusals.retain(|refusal| !is_allowed(refusal));
    Ok(plan)
}

/// Shows rows before and after for the transfers that the plan says are read again, and for new ones.
fn show_samples(
    ui: &Ui,
    session: &Session,
    desired: &Arc<Desired>,
    plan: &Plan,
    limit: usize,
) -> Result<(), CommandError> {
    let touched = plan.effects.iter().filter_map(|effect| match &effect.subject {
        Subject::Transfer { name, .. } if effect.consequence.rereads() => Some(name.clone()),
        _ => None,
    });
    let is_new = |change: &&Change| change.key.kind == Kind::Transfer && change.before.is_none();
    let new = plan.changes.iter().filter(is_new).map(|change| change.key.name.clone());
    let transfers: BTreeSet<Name> = touched.chain(new).collect();
    let request =
        Request::Sample { desired: Arc::clone(desired), transfers: transfers.into_iter().collect(), limit };
    session.ask(request, |reply| match reply {
        Reply::Sample(sample) => Ok(ui.print(&render::sample::text(&sample))?),
        _ => Ok(()),
    })
}

/// Asks for a plan.
pub(crate) fn ask(
    session: &Session,
    desired: &Arc<Desired>,
    options: &Options,
) -> Result<Plan, CommandError> {
    let request = Request::Plan(Arc::clone(desired), options.clone());
    session.one(request, |reply| match reply {
        Reply::Plan(plan) => Some(*plan),
        _ => None,
    })
}
