//! The log on standard error: how it looks and how much of it. Results never go there.
//!
//! What is not ours speaks from `info` up and no further, whatever is asked for: libraries of HTTP and mail show
//! whole requests below that, and with them secrets and records.
//!
//! Every line passes one filter, for what is told may repeat what a service or a record says.

use std::io::{self, Write};

use clap::ValueEnum;
use raccord_model::foreign;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, ParseError, Targets, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Everything that our own parts have to say to an operator who looks for a cause.
pub(crate) const OURS: &str =
    "raccord=debug,raccord_run=debug,raccord_daemon=debug,raccord_serve=debug,raccord_connect=debug";

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
    let asked = std::env::var("RUST_LOG").ok().filter(|asked| !asked.is_empty());
    let read = asked.as_deref().map(filter).transpose();
    let (wanted, misread) = match read {
        Ok(wanted) => (wanted.unwrap_or_else(|| levels(default)), None),
        Err(error) => (levels(if default == "off" { "warn" } else { default }), Some(error)),
    };
    let wanted = wanted.and(filter_fn(may_speak));
    let writer = move || Lines { form, to: io::stderr() };
    let log = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    let begun = match form {
        Form::Text => {
            tracing_subscriber::registry().with(log.with_ansi(false).with_filter(wanted)).try_init()
        }
        Form::Json => {
            let log = log.json().flatten_event(true).with_current_span(true).with_span_list(false);
            tracing_subscriber::registry().with(log.with_filter(wanted)).try_init()
        }
    };
    // A second log in one process is the first one.
    drop(begun);
    if let Some(error) = misread {
        tracing::warn!(%error, "RUST_LOG is not understood");
    }
}

/// Writes each event as one line that no terminal obeys.
struct Lines<W> {
    form: Form,
    to: W,
}

impl<W: Write> Write for Lines<W> {
    /// Takes an event, which the layer hands over whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = match self.form {
            Form::Text => foreign::line(line),
            Form::Json => foreign::json(line),
        };
        self.to.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Levels that are written in this program, which is why they can be read.
fn levels(known: &str) -> Targets {
    known.parse().unwrap_or_default()
}

/// What `RUST_LOG` asks for. A word alone would be a part of the program that speaks while all others are silent: it is
/// taken for one only when it can be ours, and is a misspelt level otherwise.
fn filter(asked: &str) -> Result<Targets, String> {
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let is_part = |word: &str| word.starts_with("raccord") || word.contains(['=', ':']);
    let wrong = asked.split(',').map(str::trim).find(|word| !is_level(word) && !is_part(word));
    match wrong {
        Some(word) => Err(format!(
            "`{word}` is no level: off, error, warn, info, debug and trace are; for one part write `{word}=info`"
        )),
        None => asked.parse().map_err(|error: ParseError| error.to_string()),
    }
}

/// Whether something may be logged at all.
fn may_speak(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_ours = target == "raccord" || target.starts_with("raccord::") || target.starts_with("raccord_");
    is_ours || *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_no_terminal_obeys() {
        let hostile = "a\u{1b}]0;x\u{7}\u{202e}b\u{9b}1m\u{7f}";
        let text = format!("WARN \n2030-01-01 ERROR {hostile}\n");
        let json = format!("{}\n", serde_json::json!({ "message": hostile }));
        for (form, event, expected) in [
            (Form::Text, &text, "WARN  2030-01-01 ERROR a␛]0;x␇\u{fffd}b\u{fffd}1m␡\n"),
            (Form::Json, &json, "{\"message\":\"a\\u001b]0;x\\u0007\\u202eb\\u009b1m\\u007f\"}\n"),
        ] {
            let mut lines = Lines { form, to: Vec::new() };
            lines.write_all(event.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(lines.to).unwrap(), expected);
        }
    }
}
