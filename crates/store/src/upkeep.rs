//! The port `Upkeep`: the work of `info`, `check` and `backup` on threads that may wait for the disk.

use std::path::PathBuf;
use std::sync::Arc;

use raccord_model::port::Async;
use raccord_model::port::upkeep::{CheckReport, Info, Upkeep, UpkeepError};

use crate::Store;
use crate::error::StoreError;

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
#[derive(Debug, Clone)]
pub struct StoreMaintenance(pub Arc<Store>);

impl Upkeep for StoreMaintenance {
    fn info(&self) -> Async<'_, Result<Info, UpkeepError>> {
        Box::pin(on_a_thread(Arc::clone(&self.0), Store::info))
    }

    fn check(&self) -> Async<'_, Result<CheckReport, UpkeepError>> {
        Box::pin(on_a_thread(Arc::clone(&self.0), Store::check))
    }

    fn in_place(&self) -> Async<'_, Result<(), UpkeepError>> {
        Box::pin(on_a_thread(Arc::clone(&self.0), |store| store.shared.is_in_place()))
    }

    fn backup(&self, to: PathBuf) -> Async<'_, Result<(), UpkeepError>> {
        Box::pin(on_a_thread(Arc::clone(&self.0), move |store| store.backup(&to)))
    }
}
