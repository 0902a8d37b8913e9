//! The HTTP side of the owner of a state: health, metrics, webhooks, and the API with which CI plans and applies.
//!
//! [`route::ROUTES`] is the one table of what there is; the router and the OpenAPI document are made from it. What
//! an answer is, the engine decides through [`Serving`]; this room reads requests, proves who asks, and never looks
//! into a state beside the tokens and the audit log.

mod answer;
mod auth;
mod body;
pub mod client;
mod connections;
mod conversation;
mod health;
mod hooks;
mod intake;
mod listener;
pub mod openapi;
mod operation;
mod pages;
pub mod parameter;
pub mod problem;
mod room;
pub mod route;
mod server;
mod tls;
mod upload;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use raccord_model::port::environment::Environment;
use raccord_run::facts::Facts;

pub use crate::attempts::MAX_ATTEMPTS;
pub use crate::openid::OpenId;
pub use crate::serving::{Push, PushHead, Readiness, Received, Serving};
pub use listener::Bound;
pub use server::serve;

/// The largest uploaded configuration, in bytes.
pub const MAX_CONFIGURATION: usize = 8 << 20;

/// How many documents or resources an uploaded configuration may hold.
pub const MAX_DOCUMENTS: usize = 10_000;

/// How many values and names an uploaded configuration may hold. Each takes some 400 bytes while it is read and planned,
/// far more than its text.
pub const MAX_VALUES: usize = 200_000;

/// The largest body of any other request, in bytes.
pub const MAX_QUESTION: usize = 64 << 10;

/// How many bytes of a delivery are read at the least, whatever the sources allow.
pub const MAX_BODY: usize = 1 << 20;

/// How many bytes of bodies are in memory whose senders have not proved that they may send them.
pub const MAX_UNPROVED: usize = 64 << 20;

/// How many of them may come from one address, or from one `/64` of IPv6.
pub const MAX_UNPROVED_OF_ONE: usize = 32 << 20;

/// How many bytes the head of a request may have.
pub const MAX_HEAD: usize = 32 << 10;

/// How long a caller may take for the head of a request; a connection without a request is closed after that too.
pub const HEAD_TIME: Duration = Duration::from_secs(30);

/// How long a caller may take for a body.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// How long a caller may take to upload a configuration.
pub const UPLOAD_TIME: Duration = Duration::from_mins(2);

/// How many bytes of a body that is refused are still taken in, and thrown away.
pub const LINGER_BYTES: usize = 16 << 20;

/// For how long that is done.
pub const LINGER_TIME: Duration = Duration::from_secs(1);

/// How many connections are open at once. For a further one another ends: of those that wait for a request, the one
/// that has waited longest, of the address that has the most.
pub const MAX_CONNECTIONS: usize = 1024;

/// How many of them may come from one address, or from one `/64` of IPv6.
pub const MAX_CONNECTIONS_OF_ONE: usize = 256;

/// How many bytes the system keeps for each connection of what its peer has not read yet.
pub const MAX_UNSENT: u32 = 128 << 10;

/// How many descriptors are left for everything else when connections take what the system allows.
pub const RESERVED_DESCRIPTORS: usize = 128;

/// How many requests are answered at once; further ones are told to come back. Health, readiness and whatever is
/// refused take no place, and no request takes one before its body is there.
pub const MAX_REQUESTS: usize = 256;

/// How many of them may be of one token.
pub const MAX_REQUESTS_OF_ONE: usize = 64;

/// How many uploaded configurations are held in memory at once; further ones wait.
pub const MAX_UPLOADS: usize = 4;

/// How many of them may be of one token.
pub const MAX_UPLOADS_OF_ONE: usize = 2;

/// How many parts of an answer may wait for a slow reader; then the answer itself waits.
pub const MAX_PARTS: usize = 256;

/// How long a reader may stall before the rest of the answer is no longer kept for it.
pub const STALL_TIME: Duration = Duration::from_mins(1);

/// How long requests under way may take once the end was asked for.
pub const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How often the files of the certificate are looked at.
pub const CERTIFICATE_INTERVAL: Duration = Duration::from_mins(1);

/// The media type of an answer that comes line by line.
pub const NDJSON: &str = "application/x-ndjson";

/// The header in which a caller names the version of the protocol it speaks.
pub const PROTOCOL_HEADER: &str = "raccord-protocol";

/// The header in which a caller names its request, so that it can ask for an early end of it.
pub const REQUEST_HEADER: &str = "raccord-request";

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Where.
    pub address: SocketAddr,
    /// The files of the certificate chain and of its key, both PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether to listen beyond loopback without TLS, because something in front of it does that.
    pub insecure: bool,
    /// What is shown without a token.
    pub open: Open,
    /// How people sign in at the console without a token, if they can.
    pub openid: Option<OpenId>,
}

/// What is shown to every client that reaches the address, without a token.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open {
    /// Metrics.
    pub metrics: bool,
    /// The pages of the console, to look at alone. Only on loopback.
    pub console: bool,
}

/// The limits that a test may want to meet sooner; each is a constant above.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// [`HEAD_TIME`].
    pub head_time: Duration,
    /// [`BODY_TIME`].
    pub body_time: Duration,
    /// [`UPLOAD_TIME`].
    pub upload_time: Duration,
    /// [`STALL_TIME`].
    pub stall_time: Duration,
    /// [`MAX_CONNECTIONS`].
    pub connections: usize,
    /// [`MAX_CONNECTIONS_OF_ONE`].
    pub connections_of_one: usize,
    /// [`MAX_REQUESTS`].
    pub requests: usize,
    /// [`MAX_REQUESTS_OF_ONE`].
    pub requests_of_one: usize,
}

impl Limits {
    /// The same, with no more connections than a process has descriptors for.
    #[must_use]
    pub fn within(self, descriptors: usize) -> Self {
        let most = descriptors.saturating_sub(RESERVED_DESCRIPTORS).max(descriptors / 4).max(1);
        let connections = self.connections.min(most);
        // One address never takes them all.
        let of_one = self.connections_of_one.min(connections.div_ceil(2));
        Self { connections, connections_of_one: of_one, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_time: HEAD_TIME,
            body_time: BODY_TIME,
            upload_time: UPLOAD_TIME,
            stall_time: STALL_TIME,
            connections: MAX_CONNECTIONS,
            connections_of_one: MAX_CONNECTIONS_OF_ONE,
            requests: MAX_REQUESTS,
            requests_of_one: MAX_REQUESTS_OF_ONE,
        }
    }
}

/// What the server itself needs of the state, and what an uploaded configuration is resolved against.
#[derive(Clone)]
pub struct Access {
    /// Tokens and the audit log.
    pub facts: Facts,
    /// The clock and the randomness.
    pub environment: Arc<dyn Environment>,
    /// The directory that data paths of an uploaded configuration are relative to.
    pub root: String,
    /// How people sign in at the console without a token, if they can.
    pub openid: Option<OpenId>,
}

/// Why no client is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Beyond loopback, tokens and records would travel in the clear.
    #[error(
        "{0} can be reached from other machines, and without TLS tokens and records would travel in the clear: \
         give --tls-cert and --tls-key, or say --insecure-listen when a proxy in front of it does TLS"
    )]
    Insecure(SocketAddr),
    /// Beyond loopback, everything would be shown to every client.
    #[error("{0} can be reached from other machines: --open-console is for loopback alone")]
    OpenConsole(SocketAddr),
    /// What terminates TLS in front of it knows under which name it is reached, and we do not.
    #[error(
        "{0} is reached through a proxy: say with --public-url where browsers reach it, for that is where the provider of \
         OpenID Connect sends people back to"
    )]
    PublicUrl(SocketAddr),
    /// The address cannot be listened on.
    #[error("listen at {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("{}: {problem}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never what it holds.
        problem: String,
    },
    /// Serving ended early.
    #[error("serve HTTP at {address}")]
    Serve {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
