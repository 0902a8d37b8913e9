//! Sources: pages of records, one after the other.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::exhausted::is_exhausted;
use super::queue::SharedBudget;
use super::records::{Mask, Page};
use super::{Async, Cause};
use crate::checkpoint::{Cursor, PageToken, PartitionId, SourceState};
use crate::field_path::FieldPath;
use crate::secret::SecretError;
use crate::{DataTypeName, Desired, Name};

/// Opens the sources of a configuration.
///
/// What the transfers of one source share (connections, a rate limit) and what the sources of one Authorization share
/// (a budget of requests) stays open from one run to the next, over many generations.
pub trait Sources: Send + Sync {
    /// One data type of a source, ready to be read. Paths of files are relative to the root of `desired`. Nothing is
    /// asked for yet: secrets are read and requests are sent when the source is.
    fn open(
        &self,
        desired: &Desired,
        source: &Name,
        data_type: &DataTypeName,
    ) -> Result<Box<dyn Source>, SourceError>;
    /// What the requests of a source are paid from, when they are counted.
    fn budget(&self, desired: &Desired, source: &Name) -> Option<SharedBudget> {
        let (_, _) = (desired, source);
        None
    }
    /// Forgets what this configuration does not have. Runs under way keep what they use.
    fn keep(&self, desired: &Desired);
    /// Sources that share nothing with these: for a configuration that is only looked at.
    fn apart(&self) -> Box<dyn Sources>;
}

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// Records that changed from here on; `None` is everything.
    pub from: Option<Cursor>,
    /// From where on those of each partition are wanted, in place of `from`.
    pub starts: Option<Arc<dyn Starts>>,
    /// What the source itself has said last in a window that counts ([`Page::state`]); `None` reads everything.
    pub state: Option<SourceState>,
    /// The page to begin with; `None` is the first.
    pub page: Option<PageToken>,
    /// The most records a page should hold, where the source may choose.
    pub page_size: Option<usize>,
}

/// Knows from where on the records of a partition are wanted.
pub trait Starts: Send + Sync + fmt::Debug {
    /// From where on; `None` is everything. It is asked when the partition's turn has come.
    fn of(&self, partition: PartitionId) -> Async<'_, Result<Option<Cursor>, Cause>>;
}

/// One data type of a source, ready to be read.
pub trait Source: Send + Sync {
    /// Asks for as little as shows that the service can be reached and accepts us. Returns what was seen, in words.
    fn check(&self) -> Async<'_, Result<String, SourceError>>;
    /// The fields that tell records apart, in order, where the source itself knows them; none where a person has to.
    fn key(&self) -> Async<'_, Result<Vec<String>, SourceError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    /// What the settings could say and do not, where the source itself knows: a sentence each.
    fn advice(&self) -> Async<'_, Result<Vec<String>, SourceError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    /// Begins to read.
    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>>;
    /// Fetches one record by itself, as raw JSON, from a path of the source or a whole URL; `at` is where it is in
    /// the answer. `None` when it is no longer there. What is wrong with this record alone is a
    /// [`SourceError::Record`]; a [`SourceError::Status`] of 500 and above may be, after all attempts were made.
    fn record<'a>(
        &'a self,
        path: &'a str,
        at: &'a FieldPath,
    ) -> Async<'a, Result<Option<Bytes>, SourceError>>;
    /// What takes our credentials out of what is kept of a record that came by itself; `None` where there are none, or
    /// where they cannot be read, so that none were sent.
    fn mask(&self) -> Async<'_, Option<Mask>> {
        Box::pin(std::future::ready(None))
    }
}

/// Pages under way. Dropping it ends the reading.
pub trait Pages: Send {
    /// The next page; `None` after the last one.
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>>;
}

/// Why a source gave no page. No variant ever holds a secret, nor a URL with one.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A secret that is referred to is not there.
    #[error("{reference} {why}")]
    Secret {
        /// The reference as it is written.
        reference: String,
        /// What is wrong with it.
        why: String,
    },
    /// What holds a secret does not answer for the moment. The service has no part in it.
    #[error("{reference} cannot be read now: {message}")]
    SecretUnavailable {
        /// The reference as it is written.
        reference: String,
        /// Why not, in words.
        message: String,
    },
    /// The service refuses our credentials: 401 or 403.
    #[error("the service {}{}: {status} from {url}", refusal(*status), in_parentheses(credentials))]
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// The URL, without its query.
        url: String,
        /// The name of the Authorization and the references to its secrets, never their values; empty where only the
        /// status is known.
        credentials: String,
    },
    /// A database refuses who we are, or what we want to read.
    #[error("{place} refuses this: {message}")]
    Denied {
        /// The database, or what of it is meant.
        place: String,
        /// What it said, and what grants it.
        message: String,
    },
    /// The service does not accept the certificate that we show, or wants one.
    #[error("{url} does not accept our certificate: {message}")]
    CertificateRefused {
        /// The URL, without its query.
        url: String,
        /// What it said of it.
        message: String,
    },
    /// A person has to agree first, or once more: there is no grant, or the server has taken it back.
    #[error("{why}; run `raccord authorize {authorization}`")]
    Ungranted {
        /// The name of the Authorization.
        authorization: String,
        /// Why, in words.
        why: String,
    },
    /// The tokens of an Authorization could not be read or kept. The service has no part in it.
    #[error("keep the tokens of the Authorization `{authorization}`")]
    Custody {
        /// The name of the Authorization.
        authorization: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// A bucket or a server refuses us, or is not the one that is expected.
    #[error("{place}: {message}")]
    Refused {
        /// The path.
        place: String,
        /// Why, without a secret.
        message: String,
    },
    /// The page token is no longer accepted; the window is to be read from its beginning.
    #[error("the service no longer accepts the page we stopped at: {message}")]
    PageRefused {
        /// What it said.
        message: String,
    },
    /// The service could not be reached or did not answer in time, however often it was asked.
    #[error("{url} did not answer: {message}")]
    Unreachable {
        /// The URL, without its query.
        url: String,
        /// What went wrong.
        message: String,
    },
    /// The service answered with an error.
    #[error("{url} answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The URL, without its query.
        url: String,
        /// The beginning of what it said.
        message: String,
    },
    /// The configuration names what cannot be read. Nothing was asked of the service.
    #[error("{place}: {message}")]
    Settings {
        /// The source, or what of it is meant.
        place: String,
        /// What is wrong with it.
        message: String,
    },
    /// The answer is not what the settings say it is.
    #[error("{place}: {message}")]
    Answer {
        /// The URL without its query, or the file.
        place: String,
        /// What is wrong with it.
        message: String,
    },
    /// A stated limit was passed.
    #[error("{place}: {message}")]
    Limit {
        /// The URL without its query, or the file.
        place: String,
        /// Which limit, and how to raise it.
        message: String,
    },
    /// Something ran out on this machine: descriptors, disk, memory. The service has no part in it.
    #[error("this machine has run out of something: {message}")]
    Exhausted {
        /// What, and on which occasion.
        message: String,
    },
    /// The service limits us for longer than we may wait.
    #[error("{place}: {message}")]
    Limited {
        /// The URL without its query.
        place: String,
        /// For how long, and how to wait longer.
        message: String,
    },
    /// One record alone cannot be had, however often it is asked for. Of the service it says nothing.
    #[error("{message}")]
    Record {
        /// What was asked and how it was answered.
        message: String,
    },
    /// Where a partition was left off could not be read.
    #[error("read where the children of a parent record were left off")]
    Start(#[source] Cause),
    /// A file could not be read.
    #[error("read {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// A reading that several runs share has failed: each of them is told the same.
    #[error(transparent)]
    Shared(Arc<Self>),
}

/// What a status says of us: who we are is known, or is not.
const fn refusal(status: u16) -> &'static str {
    match status {
        403 => "forbids this to our credentials",
        _ => "refused our credentials",
    }
}

/// What is known of the credentials, after a space; nothing where nothing is.
fn in_parentheses(credentials: &str) -> String {
    if credentials.is_empty() { String::new() } else { format!(" ({credentials})") }
}

impl From<SecretError> for SourceError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Unusable { reference, why } => Self::Secret { reference, why },
            SecretError::Unavailable { reference, message } => Self::SecretUnavailable { reference, message },
            SecretError::Exhausted { reference, message } => {
                Self::Exhausted { message: format!("{reference}: {message}") }
            }
        }
    }
}

impl SourceError {
    /// Whether asking again cannot help before a person acts.
    pub fn is_unauthorized(&self) -> bool {
        match self {
            Self::Shared(error) => error.is_unauthorized(),
            _ => {
                matches!(
                    self,
                    Self::Unauthorized { .. }
                        | Self::Denied { .. }
                        | Self::Ungranted { .. }
                        | Self::CertificateRefused { .. }
                        | Self::Refused { .. }
                )
            }
        }
    }

    /// Whether the reason lies on this machine and says nothing of the service.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Exhausted { .. } | Self::Custody { .. } | Self::SecretUnavailable { .. } => true,
            Self::File { source, .. } => is_exhausted(source.as_ref()),
            Self::Shared(error) => error.is_local(),
            Self::Secret { .. }
            | Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::CertificateRefused { .. }
            | Self::Ungranted { .. }
            | Self::Refused { .. }
            | Self::PageRefused { .. }
            | Self::Unreachable { .. }
            | Self::Status { .. }
            | Self::Settings { .. }
            | Self::Answer { .. }
            | Self::Limit { .. }
            | Self::Limited { .. }
            | Self::Record { .. }
            | Self::Start(_) => false,
        }
    }
}
