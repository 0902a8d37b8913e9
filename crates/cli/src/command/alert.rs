//! `raccord alert test`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use raccord_model::Name;
use raccord_serve::{Reply, Request};

use crate::error::CommandError;
use crate::options::Global;
use crate::session::{Opening, Session};
use crate::style::{GREEN, RED};
use crate::ui::Ui;

/// Try out whether alerts arrive
#[derive(Debug, Subcommand)]
pub(crate) enum AlertVerb {
    Test(TestArgs),
}

/// Send a test to everybody whom an integration alerts
///
/// The integration is one of the applied generation. Says of each address and webhook whether the message was
/// taken, and ends with 1 when one was not. When all were, alerts that wait are sent, too.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord alert test boutique")]
pub(crate) struct TestArgs {
    /// Which integration
    integration: Name,
}

pub(crate) fn alert(ui: &Ui, global: &Global, verb: &AlertVerb) -> Result<ExitCode, CommandError> {
    let AlertVerb::Test(args) = verb;
    let session = Session::open(global, "alert test", Opening::Existing)?;
    let mut failed = false;
    session.ask(Request::TestAlert { integration: args.integration.clone() }, |reply| {
        match reply {
            Reply::Alerted(alerted) => match alerted.error {
                None => ui.line(&format!("{GREEN}sent{GREEN:#} to {}", alerted.to))?,
                Some(error) => {
                    failed = true;
                    ui.line(&format!("{RED}not sent{RED:#} to {}: {error}", alerted.to))?;
                }
            },
            Reply::Done(said) => ui.line(&said)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
