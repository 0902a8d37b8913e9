//! Identity: how a person proves at a provider of OpenID Connect who they are. What the person may do here is decided by
//! others; no type here holds a token.

use std::fmt;

use super::Async;
use super::authorization::Passed;
use super::environment::RandomError;

/// A provider of OpenID Connect, and what we are to it.
pub trait IdentityProvider: fmt::Debug + Send + Sync {
    /// Who says who a person is: the URL of the issuer.
    fn issuer(&self) -> &str;
    /// What we are called there.
    fn client(&self) -> &str;
    /// Begins: where the person goes, and what has to be known again when they come back to `redirect`.
    fn begin<'a>(&'a self, redirect: &'a str) -> Async<'a, Result<AuthorizationRequest, IdentityError>>;
    /// Ends it: who the person is, when everything that they bring back is right.
    fn complete<'a>(&'a self, back: &'a Callback) -> Async<'a, Result<Identity, IdentityError>>;
}

/// Where a person goes to prove who they are.
#[derive(Debug, Clone)]
pub struct AuthorizationRequest {
    /// The page of the provider.
    pub url: String,
    /// What it sends back with the person.
    pub state: Passed,
    /// What stands in the token that it issues for this person and this time.
    pub nonce: Passed,
    /// What proves that the code is asked back by the one that began (PKCE).
    pub verifier: Passed,
}

/// What is known when a person has come back. Whether the state is the right one was looked at before.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The code that the provider sent with the person.
    pub code: Passed,
    /// The issuer that it names beside the code (RFC 9207), if it does.
    pub issuer: Option<String>,
    /// As at the beginning.
    pub nonce: Passed,
    /// As at the beginning.
    pub verifier: Passed,
    /// As at the beginning.
    pub redirect: String,
}

/// Who a person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the issuer calls the person, for ever.
    pub subject: String,
    /// What people call them.
    pub name: String,
    /// The groups that they belong to.
    pub groups: Vec<String>,
}

/// Why it is not known who a person is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The provider does not answer, or not as one does.
    #[error("{issuer} cannot be asked: {why}")]
    Unavailable {
        /// Who.
        issuer: String,
        /// Why.
        why: String,
    },
    /// The settings are wrong, here or at the provider.
    #[error("sign-in by {issuer} is not set up as it should be: {why}")]
    Settings {
        /// Who.
        issuer: String,
        /// What is wrong.
        why: String,
    },
    /// The provider does not accept the code: it was used before, or it is too old.
    #[error("{issuer} does not accept the answer: {why}")]
    Refused {
        /// Who.
        issuer: String,
        /// What it says.
        why: String,
    },
    /// What it issued does not prove who the person is.
    #[error("what {issuer} has issued proves nothing here: {why}")]
    Unproved {
        /// Who.
        issuer: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing that cannot be guessed is to be had.
    #[error(transparent)]
    Random(#[from] RandomError),
}
