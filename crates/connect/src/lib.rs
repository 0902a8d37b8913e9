//! The outside: connectors that implement the port `Source` over HTTP and over local files.
//!
//! It executes the component trees that the compiler lowers and hands pages of raw records on; it never
//! parses a record, never decides what is stored, and never lets a secret into a message.

mod file;
mod http;
pub mod mail;
mod mask;
mod network;
mod pace;
pub mod post;
mod secret;
mod shared;
mod sources;
mod system;
pub mod webhook;

use std::path::Path;
use std::sync::Arc;

use raccord_compiler::connector::Stream;
use raccord_model::language::AuthorizationSpec;
use raccord_model::port::source::{Source, SourceError};

use crate::http::{Credentials, StaticCredentials};
pub use file::sniff::complete as complete_file;
pub use secret::{Environment, SecretReader};
pub use shared::{Budget, Now, SourceShared};
pub use sources::SourcePool;
pub use system::System;

/// One data type of a source, ready to be read. `root` is the directory that paths of files are relative to.
///
/// Nothing is asked for yet: secrets are read and requests are sent when the source is.
pub fn open_source(
    stream: Stream,
    authorization: Option<&AuthorizationSpec>,
    root: &Path,
    shared: &SourceShared,
) -> Result<Box<dyn Source>, SourceError> {
    open_with(stream, Arc::new(StaticCredentials::new(authorization, &shared.secrets)), root, shared)
}

/// The same with credentials that others use, too.
pub(crate) fn open_with(
    stream: Stream,
    credentials: Arc<dyn Credentials>,
    root: &Path,
    shared: &SourceShared,
) -> Result<Box<dyn Source>, SourceError> {
    match stream {
        Stream::File(stream) => Ok(Box::new(file::FileSource::new(stream, root))),
        Stream::Http(stream) => Ok(Box::new(http::HttpSource::new(*stream, credentials, shared)?)),
    }
}
