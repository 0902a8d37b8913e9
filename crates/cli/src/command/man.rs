//! `raccord man`: manual pages, made from the same definitions as the help.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::args::Cli;
use crate::error::CommandError;
use crate::ui::Ui;

/// Write the manual pages into a directory
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The directory; it must exist
    directory: PathBuf,
}

pub(crate) fn man(ui: &Ui, args: &ManArgs) -> Result<(), CommandError> {
    clap_mangen::generate_to(Cli::command(), &args.directory)?;
    ui.note(&format!("wrote the pages into {}", args.directory.display()));
    Ok(())
}
