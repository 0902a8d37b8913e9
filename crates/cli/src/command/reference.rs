//! `raccord reference`: the page of the command line, made from the same definitions as the help.

use std::fmt::Write as _;

use clap::{Args, Command};

use crate::error::CommandError;
use crate::ui::Ui;

/// Print the reference of the command line as Markdown
#[derive(Debug, Args)]
#[command(hide = true, after_help = "Example:\n  raccord reference > docs/reference/cli.md")]
pub(crate) struct ReferenceArgs {}

pub(crate) fn reference(ui: &Ui, program: Command) -> Result<(), CommandError> {
    let mut command = program.term_width(100);
    command.build();
    let mut page = String::from("# The command line\n\nMade from the program's own help.\n");
    section(&mut page, &command, "raccord");
    Ok(ui.data(&page)?)
}

fn section(page: &mut String, command: &Command, path: &str) {
    let help = command.clone().bin_name(path).render_long_help().to_string();
    // Writing to a String cannot fail.
    let _ = write!(page, "\n## {path}\n\n```text\n{}\n```\n", trimmed(&help));
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        section(page, verb, &format!("{path} {}", verb.get_name()));
    }
}

fn trimmed(help: &str) -> String {
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}
