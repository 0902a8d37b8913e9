//! The program `raccord`: arguments in, text and exit codes out. It has no rules of its own.

mod arenas;
mod args;
mod command;
mod descriptors;
mod error;
mod log;
mod render;
mod session;
mod ui;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Verb};
use crate::ui::Ui;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return args::explain(&error),
    };
    // A daemon's log is what it has to say; other verbs have their results, and a log for whoever asks for it.
    if !matches!(cli.verb, Verb::Watch(_)) {
        log::begin(log::Form::Text, "off");
    }
    let ui = Ui::new(cli.global.color, cli.global.quiet);
    match command::dispatch(&ui, &cli) {
        Ok(code) => code,
        Err(error) => {
            ui.error(&error);
            error.exit_code()
        }
    }
}
