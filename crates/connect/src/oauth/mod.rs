//! OAuth 2.0: tokens that a server issues, kept in the vault before they are used, and renewed before they expire, one
//! renewal at a time. Nothing here ever says a token, a code or a client's secret.

mod agreement;
mod answer;
mod credentials;
mod custody;
mod endpoint;
mod grant;
mod source_tokens;
mod standings;
mod tokens;

pub use self::agreement::ServiceAuthorizations;
pub(crate) use self::credentials::OAuthCredentials;
pub use self::custody::Custody;
pub(crate) use self::custody::Keeper;
pub(crate) use self::source_tokens::SourceTokens;
