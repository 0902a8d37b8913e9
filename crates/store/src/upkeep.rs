//! The port `Upkeep`: the work of `info`, `check` and `backup` on threads that may wait for the disk.

use std::path::PathBuf;
use std::sync::Arc;

use raccord_model::port::Async;
use raccord_model::port::upkeep::{CheckReport, Info, Upkeep, UpkeepError};

use crate::check::CheckError;
use crate::error::StoreError;
use crate::{Store, StoreVault};

/// Does something slow to a store elsewhere.
async fn on_a_thread<T, E>(
    store: Arc<Store>,
    work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
) -> Result<T, UpkeepError>
where
    T: Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(done) => done.map_err(|error| UpkeepError(Box::new(error))),
        Err(_) => Err(UpkeepError(Box::new(StoreError::Closed))),
    }
}

/// Looks after a store that others use meanwhile.
#[derive(Clone)]
pub struct StoreMaintenance {
    store: Arc<Store>,
    vault: StoreVault,
}

impl StoreMaintenance {
    /// Looks after a store; what is sealed in its vault is part of a check.
    pub fn new(store: &Arc<Store>, vault: StoreVault) -> Self {
        Self { store: Arc::clone(store), vault }
    }
}

impl Upkeep for StoreMaintenance {
    fn info(&self) -> Async<'_, Result<Info, UpkeepError>> {
        Box::pin(on_a_thread(Arc::clone(&self.store), Store::info))
    }

    fn check(&self) -> Async<'_, Result<CheckReport, UpkeepError>> {
        let vault = self.vault.clone();
        let check = move |store: &Store| {
            let mut report = store.check()?;
            // A file that is damaged beyond repair is not read any further.
            if report.is_sound() {
                vault.check(&mut report).map_err(|broken| CheckError::of(store, broken))?;
            }
            Ok::<_, CheckError>(report)
        };
        Box::pin(on_a_thread(Arc::clone(&self.store), check))
    }

    fn in_place(&self) -> Async<'_, Result<(), UpkeepError>> {
        Box::pin(on_a_thread(Arc::clone(&self.store), |store| store.shared.is_in_place()))
    }

    fn backup(&self, to: PathBuf) -> Async<'_, Result<(), UpkeepError>> {
        Box::pin(on_a_thread(Arc::clone(&self.store), move |store| store.backup(&to)))
    }
}
