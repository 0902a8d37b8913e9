//! A way to nowhere: streams are built with it to see whether they can be, and nothing is ever sent.

use std::time::Duration;

use crate::transport::{Async, Request, Response, Transport, TransportError};

/// Sends nothing, and knows no time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

impl Transport for Offline {
    fn send(&self, _: Request) -> Async<'_, Result<Response, TransportError>> {
        Box::pin(async { Err(TransportError::Refused("nothing is sent here".to_owned())) })
    }

    fn sleep(&self, _: Duration) -> Async<'_, ()> {
        Box::pin(async {})
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn random(&self) -> f64 {
        0.0
    }
}
