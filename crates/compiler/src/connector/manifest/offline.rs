//! A transport that sends nothing: streams are built over it to see whether they can be.

use std::time::Duration;

use raccord_manifest::transport::{Async, Request, Response, Transport, TransportError};

/// Refuses whatever it is to send. Its time is that of the epoch.
pub(super) struct Offline;

impl Transport for Offline {
    fn send(&self, _: Request) -> Async<'_, Result<Response, TransportError>> {
        let refused = TransportError::Refused("nothing is sent while a configuration is checked".to_owned());
        Box::pin(std::future::ready(Err(refused)))
    }

    fn sleep(&self, _: Duration) -> Async<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn random(&self) -> f64 {
        0.0
    }
}
