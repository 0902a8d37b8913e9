//! Credentials while they are in use: one object for each Authorization, asked whenever a request is sent. What they are made
//! of, those who implement it know.

use std::fmt;
use std::sync::Arc;

use raccord_model::language::AuthorizationSpec;
use raccord_model::port::Async;
use raccord_model::port::source::SourceError;
use reqwest::Request;

use crate::mask::Masker;
use crate::secret::SecretReader;
use crate::tls::TlsConnections;

/// How many credentials stay masked after newer ones took their place. Requests that carried them may still be under
/// way, and services repeat what they were sent.
pub(crate) const FORMER: usize = 4;

/// Which credentials a request carried. What was read later has a greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Issue(pub(crate) u64);

/// What is to be done after the service has refused credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There are others now: the request is worth another attempt.
    Retry,
    /// They are still the ones that were refused.
    GiveUp,
}

/// How we prove who we are to one service, now.
pub(crate) trait Credentials: Send + Sync + fmt::Debug {
    /// A reading begins: what can be had without asking the service is read anew.
    fn begin(&self) -> Async<'_, Result<(), SourceError>>;
    /// Puts the credentials in force on a request to the service's own origin, and says which they are.
    fn apply<'a>(&'a self, request: &'a mut Request) -> Async<'a, Result<Issue, SourceError>>;
    /// The service has refused these: looks for newer ones. Callers that come meanwhile wait for the same look.
    fn rejected(&self, refused: Issue) -> Async<'_, Result<Verdict, SourceError>>;
    /// How connections to the service are made.
    fn connections(&self) -> &TlsConnections;
    /// The query parameters that carry a credential, or what proves one.
    fn parameters(&self) -> Vec<&str>;
    /// Finds the credentials in force, and those of late, in texts.
    fn masker(&self) -> Arc<Masker>;
    /// Has the masker know the credentials before any request, where they can be read without asking the service.
    /// Whether they could.
    fn prepare_masker(&self) -> Async<'_, bool>;
    /// Where the secrets are read.
    fn references(&self) -> Vec<String>;
    /// Whether these are the credentials of an Authorization, read in the same place.
    fn belong_to(&self, authorization: Option<&AuthorizationSpec>, secrets: &SecretReader) -> bool;
}
