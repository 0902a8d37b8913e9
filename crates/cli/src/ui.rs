//! The terminal: where text goes, whether it is coloured. The only place that writes to the streams.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::args::Color;
use crate::error::CommandError;

/// Destructive.
pub(crate) const RED: Style = AnsiColor::Red.on_default();
/// New.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// Changed.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Moved.
pub(crate) const BLUE: Style = AnsiColor::Cyan.on_default();
/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// Beside the point.
pub(crate) const DIM: Style = Style::new().dimmed();

/// Where text goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    choice: ColorChoice,
    quiet: bool,
}

impl Ui {
    pub(crate) fn new(color: Color, quiet: bool) -> Self {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self { choice, quiet }
    }

    /// Results, on standard output. A reader that went away ends the program quietly, as pipes expect.
    pub(crate) fn print(self, text: &str) -> io::Result<()> {
        AutoStream::new(io::stdout().lock(), self.choice).write_all(text.as_bytes())
    }

    /// A line of results.
    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        self.print(&format!("{text}\n"))
    }

    /// What accompanies results, on standard error; nothing with `--quiet`.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// An error with its causes and hints.
    pub(crate) fn error(self, error: &CommandError) {
        if error.is_broken_pipe() {
            return;
        }
        let mut text = format!("{RED}error{RED:#}: {error}");
        for cause in error.causes() {
            text = format!("{text}\n  {DIM}because{DIM:#} {cause}");
        }
        for hint in error.hints() {
            text = format!("{text}\n  {BLUE}help{BLUE:#} {hint}");
        }
        self.complain(&text);
    }

    fn complain(self, text: &str) {
        let mut stream = AutoStream::new(io::stderr().lock(), self.choice);
        // There is nowhere left to tell that standard error is gone.
        let _unheard = writeln!(stream, "{text}");
    }

    /// Whether progress bars make sense.
    pub(crate) fn is_interactive(self) -> bool {
        !self.quiet && io::stderr().is_terminal() && self.choice != ColorChoice::Never
    }

    /// Whether text on standard output may be coloured.
    pub(crate) fn has_color(self) -> bool {
        AutoStream::new(io::stdout(), self.choice).current_choice() != ColorChoice::Never
    }

    /// Asks a question that `yes` answers; `None` when nobody can answer.
    pub(crate) fn confirm(self, question: &str) -> io::Result<Option<bool>> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        self.complain(question);
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(Some(answer.trim() == "yes"))
    }
}
