//! The terminal: where text goes, whether it is coloured. The only place that writes to the streams.
//!
//! Text for people and data leave by different ways. Text is filtered: of all that a terminal obeys, only the styles
//! of this program get through, whatever a record or a service says. Data goes out byte for byte.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use raccord_model::foreign;
use serde::Serialize;

use crate::error::CommandError;
use crate::options::Color;
use crate::render::table::{ListForm, Table};
use crate::style::{BLUE, DIM, RED, filtered};

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

    /// Text on standard output. A reader that went away ends the program quietly, as pipes expect.
    pub(crate) fn print(self, text: &str) -> io::Result<()> {
        AutoStream::new(io::stdout().lock(), self.choice).write_all(filtered(text).as_bytes())
    }

    /// One line of text on standard output, whatever is in it.
    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        self.print(&format!("{}\n", foreign::line(text)))
    }

    /// Data on standard output: for programs, byte for byte.
    #[expect(clippy::unused_self, reason = "whatever is written is written by this value")]
    pub(crate) fn data(self, data: &str) -> io::Result<()> {
        io::stdout().lock().write_all(data.as_bytes())
    }

    /// An indented JSON document on standard output, as data.
    pub(crate) fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CommandError> {
        Ok(self.data(&format!("{}\n", crate::render::json(value)?))?)
    }

    /// A list in the form that was asked for; `items` is what the JSON forms are made of.
    pub(crate) fn list<T: Serialize>(
        self,
        table: &Table,
        form: ListForm,
        items: &[T],
    ) -> Result<(), CommandError> {
        match form.data(table, items)? {
            Some(data) => Ok(self.data(&data)?),
            None => Ok(self.print(&table.text(self.width()))?),
        }
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
        let mut text = format!("{RED}error{RED:#}: {}", foreign::line(&error.to_string()));
        for cause in error.causes() {
            text = format!("{text}\n  {DIM}because{DIM:#} {}", foreign::line(cause));
        }
        for hint in error.hints() {
            text = format!("{text}\n  {BLUE}help{BLUE:#} {}", foreign::line(hint));
        }
        self.complain(&text);
    }

    fn complain(self, text: &str) {
        let mut stream = AutoStream::new(io::stderr().lock(), self.choice);
        // There is nowhere left to tell that standard error is gone.
        let _unheard = writeln!(stream, "{}", filtered(text));
    }

    /// How many columns the terminal has that standard output is; `None` of a file or a pipe.
    #[expect(clippy::unused_self, reason = "whatever is known of the terminal is known by this value")]
    pub(crate) fn width(self) -> Option<usize> {
        let output = io::stdout();
        if !output.is_terminal() {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(output).ok()?;
        Some(usize::from(size.ws_col)).filter(|width| *width > 0)
    }

    /// Whether progress bars make sense.
    pub(crate) fn is_interactive(self) -> bool {
        !self.quiet && io::stderr().is_terminal() && self.choice != ColorChoice::Never
    }

    /// Whether text on standard output may be coloured.
    pub(crate) fn has_color(self) -> bool {
        AutoStream::new(io::stdout(), self.choice).current_choice() != ColorChoice::Never
    }

    /// Asks a question that `yes` answers; `None` when standard input is no terminal.
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
