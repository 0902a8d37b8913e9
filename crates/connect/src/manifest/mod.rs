//! Connectors in Airbyte's low-code language over HTTP: the way to the service that a manifest's reading needs, and a
//! reading from end to end. What a manifest means is the business of the crate `raccord-manifest`.

mod failure;
mod read;
mod redirect;
mod source;
mod trace;
mod transport;

pub use read::{Task, read, violations};
pub use trace::Tell;
pub use transport::{HttpTransport, Limits};
