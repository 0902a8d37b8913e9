//! `raccord man`: manual pages, made from the same definitions as the help.

use std::path::PathBuf;

use clap::{Args, Command};

use crate::error::CommandError;
use crate::ui::Ui;

/// Write the manual pages into a directory
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The directory; made when it is not there
    directory: PathBuf,
}

pub(crate) fn man(ui: &Ui, program: Command, args: &ManArgs) -> Result<(), CommandError> {
    let failed = |error: &std::io::Error| {
        CommandError::new(format!("write the pages into {}: {error}", args.directory.display()))
    };
    std::fs::create_dir_all(&args.directory).map_err(|error| failed(&error))?;
    clap_mangen::generate_to(program, &args.directory).map_err(|error| failed(&error))?;
    ui.note(&format!("wrote the pages into {}", args.directory.display()));
    Ok(())
}
