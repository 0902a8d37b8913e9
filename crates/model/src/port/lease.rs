//! The port `Lease`: who alone works on something for a while, without a lock that one machine would have to hold.
//!
//! A lease ends by itself when it isn't renewed, so that a holder that died, or sleeps, blocks nothing for ever. That a
//! holder whose lease has ended can do no harm is not the port's affair: each acquisition has a greater token, which its
//! holder puts into the [`Fence`](super::destination::Fence) of its commits.

use std::time::Duration;

use super::{Async, Cause};

/// Counts the acquisitions of a lease, from 1. 0 is the token of work that is done under none: it is refused
/// wherever a lease was used before.
pub type LeaseToken = u64;

/// A lease that is held, as long as it is renewed in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What is leased.
    pub name: String,
    /// Greater than those of all acquisitions before.
    pub token: LeaseToken,
    /// How long it lasts from its acquisition, and from each renewal.
    pub ttl: Duration,
}

/// Gives leases.
pub trait Lease: Send + Sync {
    /// Acquires a lease; nothing when another holder has it. `holder` says who asks, for people.
    fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: Duration,
    ) -> Async<'_, Result<Option<Held>, LeaseError>>;
    /// Acquires a lease also when another holder has it, which loses it: for a person whose word ends what is under way. Its token
    /// is greater than `above`, too, which a destination may have seen although these leases know nothing of it any more.
    fn take_over(
        &self,
        name: String,
        holder: String,
        ttl: Duration,
        above: LeaseToken,
    ) -> Async<'_, Result<Held, LeaseError>>;
    /// Prolongs a lease; false when it was lost, because another holder has acquired it since.
    fn renew<'a>(&'a self, held: &'a Held) -> Async<'a, Result<bool, LeaseError>>;
    /// Gives a lease back; one that was lost is left to its holder.
    fn release(&self, held: Held) -> Async<'_, Result<(), LeaseError>>;
}

/// Leases cannot be given or renewed.
#[derive(Debug, thiserror::Error)]
#[error("reach the leases")]
pub struct LeaseError(#[source] pub Cause);
