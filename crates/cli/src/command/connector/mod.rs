//! `raccord connector …`: manifests of connectors, looked at, tried out and locked, without a state.

mod about;
mod check;
mod describe;
mod files;
mod lock;
mod read;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) use about::About;
pub(crate) use describe::describe;

use crate::error::CommandError;
use crate::options::Global;
use crate::ui::Ui;

/// Check, try out and lock manifests of connectors
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorVerb {
    Check(check::CheckArgs),
    Lock(lock::LockArgs),
    Read(read::ReadArgs),
}

pub(crate) fn connector(ui: &Ui, global: &Global, verb: &ConnectorVerb) -> Result<ExitCode, CommandError> {
    match verb {
        ConnectorVerb::Check(args) => check::check(ui, args),
        ConnectorVerb::Lock(args) => lock::lock(ui, global, args),
        ConnectorVerb::Read(args) => read::read(ui, global, args).map(|()| ExitCode::SUCCESS),
    }
}
