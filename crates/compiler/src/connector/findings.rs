//! Collects findings below one path of the settings, and checks what several settings have in common.

use std::fmt::Display;

use raccord_model::diagnostic::{Code, Finding, Severity};

/// Findings under one path.
#[derive(Debug)]
pub(crate) struct Findings {
    base: Vec<String>,
    all: Vec<Finding>,
}

impl Findings {
    /// None yet, below a path.
    pub(crate) fn under(base: &[&str]) -> Self {
        Self { base: base.iter().map(|&segment| segment.to_owned()).collect(), all: Vec::new() }
    }

    /// Adds an error at a path below the base.
    pub(crate) fn error(&mut self, path: &[&str], code: Code, message: impl Into<String>) {
        self.all.push(Finding::error(path, code, message).under(&self.base));
    }

    /// Adds an error with advice.
    pub(crate) fn error_with_help(&mut self, path: &[&str], code: Code, message: String, help: &str) {
        self.all.push(Finding::error(path, code, message).under(&self.base).help(help));
    }

    /// Adds a finding whose path is below the base.
    pub(crate) fn add(&mut self, finding: Finding) {
        self.all.push(finding.under(&self.base));
    }

    /// An error that a value of the right type is not allowed here.
    pub(crate) fn invalid(&mut self, path: &[&str], message: impl Into<String>) {
        self.error(path, Code::InvalidValue, message);
    }

    /// An error that fields do not go together.
    pub(crate) fn conflict(&mut self, path: &[&str], message: impl Into<String>) {
        self.error(path, Code::ConflictingFields, message);
    }

    /// Takes the value of a result, or its error as a finding.
    pub(crate) fn take<T, E: Display>(&mut self, path: &[&str], result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.invalid(path, error.to_string())).ok()
    }

    /// Whether there is an error among them.
    pub(crate) fn has_error(&self) -> bool {
        self.all.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.all
    }

    /// Checks the name of a header (RFC 9110: a token).
    pub(crate) fn header_name(&mut self, path: &[&str], name: &str) {
        let is_token = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        if !is_token {
            self.invalid(path, format!("`{name}` is not the name of a header"));
        }
    }

    /// Checks a header that is sent as it is written.
    pub(crate) fn header(&mut self, path: &[&str], name: &str, value: &str) {
        self.header_name(path, name);
        if value.chars().any(|c| c.is_control() && c != '\t') || value.trim() != value {
            self.invalid(
                path,
                format!("the value of the header `{name}` has control characters or outer spaces"),
            );
        }
        match name.to_ascii_lowercase().as_str() {
            "host" | "connection" | "content-length" | "transfer-encoding" | "upgrade" | "te" | "trailer" => {
                self.invalid(path, format!("the header `{name}` belongs to HTTP itself and cannot be set"));
            }
            "authorization" | "proxy-authorization" => self.error_with_help(
                path,
                Code::PlainSecret,
                format!("the header `{name}` carries a credential"),
                "put it into `authorization`, with a reference such as ${env:TOKEN}",
            ),
            _ => {}
        }
    }
}
