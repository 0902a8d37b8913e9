//! `raccord completions`.

use clap::Args;
use clap_complete::Shell;
use clap_complete::env::Shells;

use crate::error::CommandError;
use crate::ui::Ui;

/// The variable by which a shell asks for completions.
pub(crate) const VARIABLE: &str = "RACCORD_COMPLETE";

/// Print the completions of a shell
///
/// They ask the program itself, so that they know the resources of the YAML in the current directory.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord completions bash > /etc/bash_completion.d/raccord")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(crate) fn completions(ui: &Ui, args: &CompletionsArgs) -> Result<(), CommandError> {
    let shells = Shells::builtins();
    let shell = shells
        .completer(&args.shell.to_string())
        .ok_or_else(|| CommandError::usage(format!("nothing is known of completions for {}", args.shell)))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "raccord", "raccord", "raccord", &mut script)?;
    Ok(ui.data(&String::from_utf8_lossy(&script))?)
}
