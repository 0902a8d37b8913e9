//! The outside: connectors that implement the port `Source` over HTTP and over local files.
//!
//! It executes the component trees that the compiler lowers and hands pages of raw records on; it never
//! parses a record, never decides what is stored, and never lets a secret into a message.

mod alert;
mod answer;
mod client;
mod clock;
mod credentials;
mod crypto;
mod database;
mod decode;
mod fetch;
mod file;
mod http;
mod mail;
pub mod manifest;
mod mask;
mod network;
mod oauth;
mod open;
mod openid;
mod pace;
mod post;
mod registry;
mod secret;
mod shared;
mod sources;
mod system;
mod tls;
mod unpack;
mod webhook;

pub use alert::OutgoingAlerts;
pub use clock::Now;
pub use database::{DatabaseParts, DatabaseSecrets, DatabaseServer};
pub use fetch::{FetchError, fetch_text};
pub use file::access::StorageSecrets;
pub use file::sniff::complete as complete_file;
pub use oauth::{Custody, ServiceAuthorizations};
pub use open::{Open, Opening};
pub use openid::{OpenIdError, OpenIdProvider, OpenIdSettings};
pub use raccord_compiler::connector::Stream;
pub use registry::{Opener, open_source, provide, register};
pub use secret::{Environment, NOT_SET, SecretReader};
pub use shared::{Budget, SourceShared};
pub use sources::SourcePool;
pub use system::System;
pub use webhook::ServiceWebhooks;
