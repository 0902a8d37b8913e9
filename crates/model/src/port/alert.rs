//! Alerts: how a message that is worded already reaches a mail server or a webhook.
//!
//! An implementation reads the secrets that it needs, makes one attempt and says how it ended; whether there is
//! another is not decided here. No error holds a secret.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::Async;
use crate::language::integration::EmailAddress;
use crate::language::stack::MailServer;
use crate::secret::{SecretError, TextOrSecret};

/// The channels on which alerts leave. Files of secrets are relative to `root`.
pub trait AlertChannels: Send + Sync {
    /// A mail server, ready to be handed mails: the login is read, and nothing is asked of the server yet.
    fn mailer<'a>(
        &'a self,
        settings: &'a MailServer,
        root: &'a Path,
    ) -> Async<'a, Result<Box<dyn Mailer>, MailError>>;
    /// Posts to webhooks. A URL is read whenever something is posted there.
    fn poster(&self, root: &Path) -> Box<dyn Poster>;
}

/// A mail server.
pub trait Mailer: Send + Sync {
    /// Hands a mail over. It is in the server's hands when this returns, but for the recipients that are returned.
    fn send<'a>(&'a self, mail: &'a Mail) -> Async<'a, Result<Vec<RefusedRecipient>, MailError>>;
}

/// Posts JSON to webhooks.
pub trait Poster: Send + Sync {
    /// Posts a document; it was taken when this returns without an error.
    fn post<'a>(&'a self, url: &'a TextOrSecret, body: &'a Value) -> Async<'a, Result<(), PostError>>;
}

/// A message with the same content twice: as plain text and as HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The header `Message-ID`, its angle brackets included. Two mails that have it in common are the same.
    pub message_id: String,
    /// The sender.
    pub from: EmailAddress,
    /// Who gets it.
    pub to: Vec<EmailAddress>,
    /// The subject.
    pub subject: String,
    /// The content as plain text.
    pub text: String,
    /// The content as a page of HTML.
    pub html: String,
    /// The header `Date`.
    pub date: Timestamp,
}

/// A recipient that the server did not take, while it took others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRecipient {
    /// Who.
    pub address: EmailAddress,
    /// Why.
    pub error: MailError,
}

/// Why a mail was not handed over. No text holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The login cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no connection, or none that may be trusted.
    #[error("the mail server {server} cannot be reached: {message}")]
    Unreachable {
        /// Its host and port.
        server: String,
        /// What went wrong.
        message: String,
    },
    /// The server takes too long.
    #[error("the mail server {server} did not take the mail within {seconds} s")]
    TooSlow {
        /// Its host and port.
        server: String,
        /// How long it was waited for, in seconds.
        seconds: u64,
    },
    /// The server does not accept our login.
    #[error("the mail server {server} refused the login: {message}")]
    Login {
        /// Its host and port.
        server: String,
        /// What it said.
        message: String,
        /// Whether it said that for good.
        permanent: bool,
    },
    /// The server does not take the mail, or not for anybody it is for.
    #[error("the mail server {server} refused the mail: {message}")]
    Refused {
        /// Its host and port.
        server: String,
        /// What it said.
        message: String,
        /// Whether it said that for good.
        permanent: bool,
    },
    /// The mail cannot be written down.
    #[error("the mail cannot be written: {0}")]
    Malformed(String),
}

impl MailError {
    /// Whether another attempt is hardly of use before a person acts.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Login { permanent, .. } | Self::Refused { permanent, .. } => *permanent,
            Self::Malformed(_) => true,
            Self::Secret(_) | Self::Unreachable { .. } | Self::TooSlow { .. } => false,
        }
    }

    /// Whether any other mail would have fared alike.
    pub const fn is_about_server(&self) -> bool {
        match self {
            Self::Secret(_) | Self::Unreachable { .. } | Self::TooSlow { .. } | Self::Login { .. } => true,
            Self::Refused { .. } | Self::Malformed(_) => false,
        }
    }
}

/// Why what was posted was not taken. No text holds the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The URL cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What was read is no URL that can be posted to.
    #[error("what the webhook refers to is no http or https URL")]
    NotAUrl,
    /// There was no answer.
    #[error("the webhook did not answer: {0}")]
    Unreachable(String),
    /// The answer is not that it was taken.
    #[error("the webhook answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of what was said.
        message: String,
    },
}

impl PostError {
    /// Whether another attempt is hardly of use before a person acts.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::NotAUrl => true,
            Self::Status { status, .. } => *status < 500 && !matches!(*status, 408 | 425 | 429),
            Self::Secret(_) | Self::Unreachable(_) => false,
        }
    }
}
