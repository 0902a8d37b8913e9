//! The lease of a transfer: its runs, and what people do to its records, work on it one at a time.
//!
//! It is acquired before anything is read that the work depends on, renewed while the work goes on, and given back at its
//! end, also when the work is dropped. It decides nothing; that a lost lease does no harm is the fence's affair.

use std::sync::Arc;
use std::time::Duration;

use raccord_model::backoff::doubled;
use raccord_model::fact::Uid;
use raccord_model::port::lease::{Held, Lease, LeaseError, LeaseToken};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::ports::Ports;

/// How long a lease lasts without being renewed.
const TTL: Duration = Duration::from_secs(15);

/// How often it is renewed: twice in vain before it ends.
const RENEWED_EVERY: Duration = Duration::from_secs(5);

/// How long is waited before a lease that another holder has is asked for again: first, and at the most.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// The lease of one transfer, until it is released or dropped.
pub struct TransferLease {
    lease: Arc<dyn Lease>,
    /// Nothing once it was released.
    held: Option<Held>,
    token: LeaseToken,
}

impl TransferLease {
    /// Acquires the lease of a transfer; nothing when another holder has it. `holder` says who asks.
    pub async fn acquire(ports: &Ports, transfer: Uid, holder: &str) -> Result<Option<Self>, LeaseError> {
        let held = ports.lease.acquire(name(transfer), holder.to_owned(), TTL).await?;
        Ok(held.map(|held| Self::of(ports, held)))
    }

    /// Acquires it as soon as no other holder has it.
    pub async fn wait(ports: &Ports, transfer: Uid, holder: &str) -> Result<Self, LeaseError> {
        let mut asked = 0;
        loop {
            if let Some(lease) = Self::acquire(ports, transfer, holder).await? {
                return Ok(lease);
            }
            asked += 1;
            sleep(doubled(FIRST_WAIT, asked, LONGEST_WAIT)).await;
        }
    }

    /// Acquires it when no other holder has it within some time; nothing otherwise.
    pub async fn wait_for(
        ports: &Ports,
        transfer: Uid,
        holder: &str,
        patience: Duration,
    ) -> Result<Option<Self>, LeaseError> {
        let end = Instant::now() + patience;
        let mut asked = 0;
        loop {
            let lease = Self::acquire(ports, transfer, holder).await?;
            if lease.is_some() || Instant::now() >= end {
                return Ok(lease);
            }
            asked += 1;
            sleep(doubled(FIRST_WAIT, asked, LONGEST_WAIT)).await;
        }
    }

    /// Takes the lease over from its present holder. What works under it is refused from the fence's next raising on, and stops.
    /// Its token is greater than `above`.
    pub async fn take_over(
        ports: &Ports,
        transfer: Uid,
        holder: &str,
        above: LeaseToken,
    ) -> Result<Self, LeaseError> {
        let held = ports.lease.take_over(name(transfer), holder.to_owned(), TTL, above).await?;
        Ok(Self::of(ports, held))
    }

    fn of(ports: &Ports, held: Held) -> Self {
        Self { lease: Arc::clone(&ports.lease), token: held.token, held: Some(held) }
    }

    /// The lease of a transfer that was acquired under a token; none for work that is done under none.
    pub fn of_token(transfer: Uid, token: LeaseToken) -> Option<Held> {
        (token > 0).then(|| Held { name: name(transfer), token, ttl: TTL })
    }

    /// What the fence of the work carries.
    pub const fn token(&self) -> LeaseToken {
        self.token
    }

    /// Renews it while something is done. `lost` hears, once, that another holder has it; the work may go on to its own
    /// end, but nothing of it is stored any more.
    pub async fn renewed<T>(&self, work: impl Future<Output = T>, lost: impl FnOnce()) -> T {
        self.renewed_every(RENEWED_EVERY, work, lost).await
    }

    async fn renewed_every<T>(
        &self,
        interval: Duration,
        work: impl Future<Output = T>,
        lost: impl FnOnce(),
    ) -> T {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = self.until_lost(interval) => lost(),
        }
        work.await
    }

    async fn until_lost(&self, interval: Duration) {
        let Some(held) = &self.held else { return };
        loop {
            sleep(interval).await;
            match self.lease.renew(held).await {
                Ok(true) => {}
                Ok(false) => return,
                // The next attempt may succeed in time. If none does, the fence refuses what comes too late.
                Err(error) => tracing::warn!(%error, lease = held.name, "a lease could not be renewed"),
            }
        }
    }

    /// Gives it back.
    pub async fn release(mut self) -> Result<(), LeaseError> {
        match self.held.take() {
            Some(held) => self.lease.release(held).await,
            None => Ok(()),
        }
    }
}

impl Drop for TransferLease {
    fn drop(&mut self) {
        // Work that breaks off gives its lease back, too. Without a runtime the process ends, and the lease with its time.
        if let (Some(held), Ok(runtime)) = (self.held.take(), Handle::try_current()) {
            let lease = Arc::clone(&self.lease);
            drop(runtime.spawn(async move { drop(lease.release(held).await) }));
        }
    }
}

/// What the lease of a transfer is called.
fn name(transfer: Uid) -> String {
    format!("transfer/{transfer}")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Mutex;

    use raccord_model::port::Async;
    use tokio::sync::Notify;

    use super::*;

    /// A lease that is renewed as often as it says, and then lost.
    #[derive(Default)]
    struct Script {
        renewals: Mutex<Vec<Result<bool, ()>>>,
        /// Hears of a loss that was told.
        told: Notify,
        released: Mutex<Vec<LeaseToken>>,
        release: Notify,
    }

    impl Lease for Script {
        fn acquire(&self, _: String, _: String, _: Duration) -> Async<'_, Result<Option<Held>, LeaseError>> {
            Box::pin(async { Ok(None) })
        }

        fn take_over(
            &self,
            name: String,
            _: String,
            ttl: Duration,
            above: LeaseToken,
        ) -> Async<'_, Result<Held, LeaseError>> {
            Box::pin(async move { Ok(Held { name, token: above + 1, ttl }) })
        }

        fn renew<'a>(&'a self, _: &'a Held) -> Async<'a, Result<bool, LeaseError>> {
            let next = self.renewals.lock().unwrap().pop();
            if next == Some(Ok(false)) {
                self.told.notify_one();
            }
            let answer = next.unwrap_or(Ok(true)).map_err(|()| LeaseError("no answer".into()));
            Box::pin(async move { answer })
        }

        fn release(&self, held: Held) -> Async<'_, Result<(), LeaseError>> {
            self.released.lock().unwrap().push(held.token);
            self.release.notify_one();
            Box::pin(async { Ok(()) })
        }
    }

    fn leased(script: &Arc<Script>) -> TransferLease {
        let held = Held { name: "transfer/a".to_owned(), token: 7, ttl: TTL };
        TransferLease { lease: Arc::<Script>::clone(script), token: held.token, held: Some(held) }
    }

    #[tokio::test]
    async fn a_loss_is_heard_once_and_the_work_ends_by_itself() {
        // The answers to renewals, the last one first, and whether the lease is lost by them.
        for (renewals, is_lost) in [
            (vec![], false),
            (vec![Ok(false)], true),
            (vec![Ok(false), Ok(true), Ok(true)], true),
            (vec![Ok(false), Err(()), Ok(true), Err(())], true),
            (vec![Ok(true), Err(()), Ok(true)], false),
        ] {
            let script = Arc::new(Script { renewals: Mutex::new(renewals.clone()), ..Script::default() });
            let (lease, heard) = (leased(&script), Cell::new(0));
            let work = async {
                if is_lost {
                    script.told.notified().await;
                } else {
                    while !script.renewals.lock().unwrap().is_empty() {
                        tokio::task::yield_now().await;
                    }
                }
                // A loss that was told is heard before the work has its next turn, or the turn after.
                tokio::task::yield_now().await;
                "done"
            };
            let lost = || heard.set(heard.get() + 1);
            let done = lease.renewed_every(Duration::from_millis(1), work, lost).await;
            assert_eq!((done, heard.get()), ("done", u32::from(is_lost)), "{renewals:?}");
        }
    }

    #[tokio::test]
    async fn a_lease_is_given_back_once_however_the_work_ends() {
        for is_dropped in [false, true] {
            let script = Arc::new(Script::default());
            let lease = leased(&script);
            if is_dropped {
                drop(lease);
            } else {
                lease.release().await.unwrap();
            }
            script.release.notified().await;
            tokio::task::yield_now().await;
            assert_eq!(*script.released.lock().unwrap(), [7], "dropped: {is_dropped}");
        }
    }
}
