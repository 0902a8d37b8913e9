//! `manifest.json` in the folder of an entity: for readers, the files that count. It follows the log, which decides.

use bytes::Bytes;
use raccord_model::port::destination::DestinationError;
use serde::Serialize;

use super::error;
use super::world::{Entity, ShapeField};
use crate::storage::{FilePath, Put, Storage};

/// The version of its form.
const VERSION: u8 = 1;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    version: u8,
    /// The number of the entry of the log that it follows.
    entry: u64,
    /// The format of new files.
    format: &'a str,
    columns: &'a [ShapeField],
    files: Vec<ListedFile<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedFile<'a> {
    /// Relative to the folder of the manifest.
    path: &'a str,
    format: &'a str,
    rows: u64,
    bytes: u64,
}

/// Writes the manifest of an entity.
pub(crate) async fn write(
    storage: &dyn Storage,
    entity: &Entity,
    (entry, format): (u64, &str),
) -> Result<(), DestinationError> {
    let folder = format!("{}/", entity.folder);
    let files = entity.files.iter().map(|file| ListedFile {
        path: file.path.strip_prefix(&folder).unwrap_or(&file.path),
        format: file.path.rsplit_once('.').map_or(format, |(_, extension)| extension),
        rows: file.rows,
        bytes: file.bytes,
    });
    let manifest =
        Manifest { version: VERSION, entry, format, columns: &entity.fields, files: files.collect() };
    let mut bytes = serde_json::to_vec_pretty(&manifest).map_err(|_| DestinationError::Damaged)?;
    bytes.push(b'\n');
    let path = FilePath::new(&format!("{folder}manifest.json")).map_err(error::path)?;
    storage.put(&path, Bytes::from(bytes), Put::Replace).await.map_err(error::write)
}
