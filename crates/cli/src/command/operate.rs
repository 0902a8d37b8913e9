//! `raccord pause`, `resume`, `approve`, `resync`: what a person does to what runs.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::duration::Seconds;
use raccord_model::fact::RunId;
use raccord_model::port::environment::Environment as _;
use raccord_serve::request::{Reason, Since, Text};
use raccord_serve::{Reply, Request};

use crate::complete;
use crate::error::CommandError;
use crate::options::Global;
use crate::session::{Opening, Session, system, who};
use crate::ui::Ui;

/// Let an integration stand still; no apply starts it again
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord pause boutique --until 2h --reason 'the shop is being moved'")]
pub(crate) struct PauseArgs {
    /// Which integration
    #[arg(add = ArgValueCandidates::new(complete::integrations))]
    integration: Name,
    /// For how long (2h) or until when (2025-01-31T09:30:00Z) [default: until it is resumed]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Why
    #[arg(long)]
    reason: Option<Reason>,
}

/// Start an integration again after a pause or after the breaker disabled it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord resume boutique")]
pub(crate) struct ResumeArgs {
    /// Which integration
    #[arg(add = ArgValueCandidates::new(complete::integrations))]
    integration: Name,
}

/// Let a held run do what it is held for: delete, empty fields, or go on
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord runs\n  raccord approve 0198c0de-0000-7000-8000-000000000000")]
pub(crate) struct ApproveArgs {
    /// Which run
    #[arg(value_parser = run_id)]
    run: RunId,
}

/// Read everything of a transfer again on its next run
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord resync customers\n  raccord resync customers --since 2025-01-01T00:00:00Z"
)]
pub(crate) struct ResyncArgs {
    /// Which transfer
    #[arg(add = ArgValueCandidates::new(complete::transfers))]
    transfer: Name,
    /// Only from this value of the incremental field on
    #[arg(long, value_name = "VALUE")]
    since: Option<Since>,
}

pub(crate) fn pause(ui: &Ui, global: &Global, args: &PauseArgs) -> Result<(), CommandError> {
    let until = args.until.as_deref().map(|text| moment(text, system()?.now())).transpose()?;
    let request =
        Request::Pause { integration: args.integration.clone(), until, reason: args.reason.clone() };
    say(ui, global, "pause", request)
}

pub(crate) fn resume(ui: &Ui, global: &Global, args: &ResumeArgs) -> Result<(), CommandError> {
    let request = Request::Resume { integration: args.integration.clone(), by: Some(Text::cut(&who())) };
    say(ui, global, "resume", request)
}

pub(crate) fn approve(ui: &Ui, global: &Global, args: &ApproveArgs) -> Result<(), CommandError> {
    say(ui, global, "approve", Request::Approve { run: args.run })
}

pub(crate) fn resync(ui: &Ui, global: &Global, args: &ResyncArgs) -> Result<(), CommandError> {
    let request = Request::Resync { transfer: args.transfer.clone(), since: args.since.clone() };
    say(ui, global, "resync", request)
}

fn run_id(text: &str) -> Result<RunId, String> {
    text.parse().map_err(|_| {
        "write the identifier of a run that is held; `raccord runs` lists them in its first column".to_owned()
    })
}

fn say(ui: &Ui, global: &Global, verb: &str, request: Request) -> Result<(), CommandError> {
    let session = Session::open(global, verb, Opening::Existing)?;
    session.ask(request, |reply| match reply {
        Reply::Done(said) => Ok(ui.line(&said)?),
        _ => Ok(()),
    })
}

/// An instant, or a length of time from now on.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, CommandError> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let wrong =
        || CommandError::usage(format!("`{text}` is neither an instant nor a length of time such as 2h"));
    let length: Seconds = text.parse().map_err(|_| wrong())?;
    now.checked_add(jiff::SignedDuration::from_secs(length.signed())).map_err(|_| wrong())
}
