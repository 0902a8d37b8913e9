//! The log on standard error: how it looks and how much of it. Results never go there.

use std::io;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log. `RUST_LOG` says how much, otherwise `default` does.
pub(crate) fn begin(form: Form, default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let begun = match form {
        Form::Text => log.with_ansi(false).try_init(),
        Form::Json => log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
    // A second log in one process is the first one.
    drop(begun);
}
