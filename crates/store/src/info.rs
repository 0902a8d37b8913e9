//! What a state file holds, in numbers.

use std::path::PathBuf;

use raccord_model::port::state::Head;
use redb::ReadableTableMetadata;
use serde::Serialize;
use uuid::Uuid;

use crate::Store;
use crate::broken::Broken;
use crate::table::{self, FORMAT};
use crate::{counter, state};

/// What a state file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it has.
    pub file_size: u64,
    /// The version of its layout.
    pub format: u32,
    /// Which state it is, from its first moment.
    pub lineage: Uuid,
    /// How many applies it has seen.
    pub serial: u64,
    /// The generation in force.
    pub generation: u64,
    /// How many resources the generation has.
    pub resources: u64,
    /// How many rows it keeps, of all entities.
    pub rows: u64,
    /// How many rejects it keeps, of all transfers.
    pub rejects: u64,
}

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
        let (head, resources, rows, rejects) = counted.map_err(|broken: Broken| failed(broken.into()))?;
        let Head { lineage, serial, generation, .. } = head;
        let path = path.clone();
        Ok(Info { path, file_size, format: FORMAT, lineage, serial, generation, resources, rows, rejects })
    }
}
