//! What a state file holds, in numbers.

use std::path::PathBuf;

use raccord_model::port::state::Head;
use raccord_model::port::upkeep::Info;
use redb::ReadableTableMetadata;

use crate::Store;
use crate::error::StoreError;
use crate::table::{self, FORMAT};
use crate::{counter, state};

/// Why nothing can be said about a state.
#[derive(Debug, thiserror::Error)]
#[error("look into the state {}", path.display())]
pub struct InfoError {
    /// Which.
    path: PathBuf,
    /// Why.
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Store {
    /// Says what the file holds. Waits for the disk, briefly.
    pub fn info(&self) -> Result<Info, InfoError> {
        let path = &self.shared.path;
        let failed = |source| InfoError { path: path.clone(), source };
        let file_size = std::fs::metadata(path).map_err(|error| failed(error.into()))?.len();
        let counted = self.shared.read(|at| {
            let counters = at.open_table(table::COUNTERS)?;
            let rows = counter::rows(&counters)?.iter().map(|(_, count)| count).sum();
            let rejects = counter::rejects(&counters)?.iter().map(|(_, count)| count).sum();
            Ok((state::head(at)?, at.open_table(table::INDEX)?.len()?, rows, rejects))
        });
        let (head, resources, rows, rejects) = counted.map_err(|broken: StoreError| failed(broken.into()))?;
        let Head { lineage, serial, generation, .. } = head;
        let path = path.clone();
        Ok(Info { path, file_size, format: FORMAT, lineage, serial, generation, resources, rows, rejects })
    }
}
