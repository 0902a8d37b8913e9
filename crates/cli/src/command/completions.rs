//! `raccord completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::CommandError;
use crate::ui::Ui;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord completions bash > /etc/bash_completion.d/raccord")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(crate) fn completions(ui: &Ui, args: &CompletionsArgs) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "raccord", &mut script);
    Ok(ui.data(&String::from_utf8_lossy(&script))?)
}
