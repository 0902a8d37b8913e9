//! The port `Lease` of an embedded store: one process has the file, so that only tokens are in it, and who holds what is
//! known in memory alone. A process that ends takes its leases with it.
//!
//! It never reads the system's clock: when a lease ends is judged by the clock that it is given.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use raccord_model::port::Async;
use raccord_model::port::environment::Environment;
use raccord_model::port::lease::{Held, Lease, LeaseError, LeaseToken};
use redb::ReadableTable;

use crate::Store;
use crate::error::StoreError;
use crate::table::Tables;

/// The leases of a store.
pub struct EmbeddedLeases {
    store: Arc<Store>,
    clock: Arc<dyn Environment>,
    holdings: Mutex<BTreeMap<String, Holding>>,
}

impl fmt::Debug for EmbeddedLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EmbeddedLeases").field(&*self.holdings()).finish()
    }
}

/// Who holds a lease.
#[derive(Debug)]
struct Holding {
    token: LeaseToken,
    /// For people.
    #[expect(dead_code, reason = "it is shown by `Debug`, which the compiler does not count")]
    holder: String,
    until: Timestamp,
}

impl EmbeddedLeases {
    /// The leases of a store, by a clock. There is one such value for a store.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Environment>) -> Self {
        Self { store, clock, holdings: Mutex::default() }
    }

    fn holdings(&self) -> MutexGuard<'_, BTreeMap<String, Holding>> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_free(&self, name: &str) -> bool {
        let now = self.clock.now();
        self.holdings().get(name).is_none_or(|holding| holding.until <= now)
    }

    fn end(&self, ttl: Duration) -> Timestamp {
        let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX);
        self.clock.now().checked_add(ttl).unwrap_or(Timestamp::MAX)
    }

    /// The next token of a lease, greater than `above`. It need not be durable before what is written under it, which comes
    /// later in the same file.
    async fn next_token(&self, name: &str, above: LeaseToken) -> Result<LeaseToken, LeaseError> {
        let name = name.to_owned();
        let work = move |tables: &mut Tables<'_>| next(tables, &name, above).map(Ok);
        let failed = |broken: StoreError| LeaseError(Box::new(broken));
        self.store.writer.submit(false, failed, work).await
    }

    /// Notes a holder, whose token no later holder has exceeded meanwhile.
    fn hold(&self, held: Held, holder: String, by_force: bool) -> Option<Held> {
        let until = self.end(held.ttl);
        let mut holdings = self.holdings();
        // Another acquisition may have come between, for a token is written without a lock.
        let now = self.clock.now();
        let is_held = |holding: &Holding| {
            holding.token > held.token || (!by_force && holding.until > now && holding.token != held.token)
        };
        if holdings.get(&held.name).is_some_and(is_held) {
            return None;
        }
        holdings.insert(held.name.clone(), Holding { token: held.token, holder, until });
        Some(held)
    }
}

fn next(tables: &mut Tables<'_>, name: &str, above: LeaseToken) -> Result<LeaseToken, StoreError> {
    let last = match tables.leases.get(name.as_bytes())? {
        Some(bytes) => bytes.value().try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Damaged)?,
        None => 0,
    };
    let next = last.max(above).checked_add(1).ok_or(StoreError::Damaged)?;
    tables.leases.insert(name.as_bytes(), next.to_be_bytes().as_slice())?;
    Ok(next)
}

impl Lease for EmbeddedLeases {
    fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: Duration,
    ) -> Async<'_, Result<Option<Held>, LeaseError>> {
        Box::pin(async move {
            if !self.is_free(&name) {
                return Ok(None);
            }
            let token = self.next_token(&name, 0).await?;
            Ok(self.hold(Held { name, token, ttl }, holder, false))
        })
    }

    fn take_over(
        &self,
        name: String,
        holder: String,
        ttl: Duration,
        above: LeaseToken,
    ) -> Async<'_, Result<Held, LeaseError>> {
        Box::pin(async move {
            loop {
                let token = self.next_token(&name, above).await?;
                let held = Held { name: name.clone(), token, ttl };
                if let Some(held) = self.hold(held, holder.clone(), true) {
                    return Ok(held);
                }
            }
        })
    }

    fn renew<'a>(&'a self, held: &'a Held) -> Async<'a, Result<bool, LeaseError>> {
        let until = self.end(held.ttl);
        let mut holdings = self.holdings();
        let own = holdings.get_mut(&held.name).filter(|holding| holding.token == held.token);
        let is_held = own.map(|holding| holding.until = until).is_some();
        drop(holdings);
        Box::pin(async move { Ok(is_held) })
    }

    fn release(&self, held: Held) -> Async<'_, Result<(), LeaseError>> {
        let mut holdings = self.holdings();
        if holdings.get(&held.name).is_some_and(|holding| holding.token == held.token) {
            holdings.remove(&held.name);
        }
        drop(holdings);
        Box::pin(async { Ok(()) })
    }
}
