//! `raccord connector …`: manifests of connectors, looked at and tried out without a configuration or a state.

mod about;
mod check;
mod describe;
mod files;
mod read;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) use about::About;
pub(crate) use describe::describe;

use crate::error::CommandError;
use crate::options::Global;
use crate::ui::Ui;

/// Check and try out manifests of connectors
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorVerb {
    Check(check::CheckArgs),
    Read(read::ReadArgs),
}

pub(crate) fn connector(ui: &Ui, global: &Global, verb: &ConnectorVerb) -> Result<ExitCode, CommandError> {
    match verb {
        ConnectorVerb::Check(args) => check::check(ui, args),
        ConnectorVerb::Read(args) => read::read(ui, global, args).map(|()| ExitCode::SUCCESS),
    }
}
