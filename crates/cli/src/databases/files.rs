//! Files behind the port: the folder that they are in, and how they are written.

use std::path::Path;
use std::sync::Arc;

use raccord_files::destination::{FilesDestination, FilesSettings};
use raccord_files::format::Format;
use raccord_files::storage::LocalStorage;
use raccord_model::language::store::{FileFormat, FileMode, PartitionBy};
use raccord_model::port::destination::{DestinationError, Rows};
use raccord_model::port::environment::Environment;

/// How files are written, or which feature this binary lacks for that.
pub(super) fn settings(
    (format, mode): (FileFormat, FileMode),
    partition: Option<&PartitionBy>,
) -> Result<FilesSettings, DestinationError> {
    let format = match format {
        FileFormat::Jsonl => Format::Jsonl,
        FileFormat::Csv => Format::Csv,
        FileFormat::Parquet => Format::Parquet,
    };
    if !format.is_built_in() {
        return Err(DestinationError::NotBuilt("parquet"));
    }
    Ok(FilesSettings { format, mode, partition: partition.cloned() })
}

/// The rows in a folder of this machine.
pub(super) fn rows(environment: &Arc<dyn Environment>, folder: &Path, settings: FilesSettings) -> Rows {
    let storage = Arc::new(LocalStorage::new(folder));
    Rows::of(&Arc::new(FilesDestination::new(storage, settings, Arc::clone(environment))))
}
