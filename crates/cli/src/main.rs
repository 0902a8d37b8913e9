//! The program `raccord`: arguments in, text and exit codes out. It has no rules of its own.

mod arenas;
mod args;
mod command;
mod complete;
mod configuration;
mod crash;
mod databases;
mod descriptors;
mod dispatch;
mod elsewhere;
mod error;
mod feature;
mod interrupt;
mod log;
mod openid;
mod opening;
mod options;
mod owner;
mod place;
mod ports;
mod readers;
mod render;
mod session;
mod shared;
mod style;
mod ui;

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::CompleteEnv;

use crate::args::{Cli, Verb};
use crate::ui::Ui;

fn main() -> ExitCode {
    crash::tell();
    crash::caught(run)
}

fn run() -> ExitCode {
    // A shell that completes says so in its environment; it is answered, and nothing else is done.
    CompleteEnv::with_factory(Cli::command).var(command::completions::VARIABLE).complete();
    let cli = match Cli::from_command_line() {
        Ok(cli) => cli,
        Err(error) => return args::explain(error),
    };
    // A daemon's log is what it has to say; other verbs have their results, and a log for users who ask for it.
    if !matches!(cli.verb, Verb::Watch(_)) {
        log::begin(log::Form::Text, if cli.global.verbose { log::OURS } else { "off" });
    }
    readers::provide();
    let ui = Ui::new(cli.global.color, cli.global.quiet);
    match dispatch::dispatch(&ui, &cli) {
        Ok(code) => code,
        Err(error) => {
            ui.error(&error);
            error.exit_code()
        }
    }
}
