//! Connectors in Airbyte's low-code language over HTTP: the way to the service that a manifest's reading needs. It sends
//! what it is given, and knows neither streams nor records.

mod redirect;
mod transport;

pub use transport::{HttpTransport, Limits};
