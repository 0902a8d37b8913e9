//! Errors of commands: one type, converted to once, shown by `main`.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use raccord_serve::{Failure, FailureCode};

use crate::options::USAGE;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct CommandError {
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    code: u8,
    broken_pipe: bool,
    forbidden: bool,
}

impl CommandError {
    /// An error in words.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            code: 1,
            broken_pipe: false,
            forbidden: false,
        }
    }

    /// Wrong usage that only shows after the arguments were read.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, ..Self::new(message) }
    }

    /// An error of a library with all its causes.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        Self { causes, ..Self::new(error.to_string()) }
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    pub(crate) const fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// Whether the token at hand does not allow what was asked.
    pub(crate) const fn is_forbidden(&self) -> bool {
        self.forbidden
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self { broken_pipe: error.kind() == io::ErrorKind::BrokenPipe, ..Self::of(&error) }
    }
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        let Failure { code, message, causes } = failure;
        let told = Self { causes, forbidden: code == FailureCode::Forbidden, ..Self::new(message) };
        match code {
            FailureCode::Stale => told.hint("plan again and look at what has changed"),
            FailureCode::Refused => {
                told.hint("--allow-delete and --allow-rekey allow what you have looked at")
            }
            FailureCode::Damaged => told.hint("`raccord state check` looks at the whole of the state"),
            FailureCode::Unknown
            | FailureCode::Invalid
            | FailureCode::Version
            | FailureCode::Unauthenticated
            | FailureCode::Forbidden
            | FailureCode::Unavailable
            | FailureCode::Internal => told,
        }
    }
}
