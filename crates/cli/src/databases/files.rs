//! Files behind the port: the folder that they are in, and how they are written.

use std::path::Path;
use std::sync::Arc;

use raccord_connect::StorageSecrets;
use raccord_files::destination::{FilesDestination, FilesSettings, StorageSource};
use raccord_files::format::Format;
use raccord_files::storage::{LocalStorage, open_tree};
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::connector::file::RemotePath;
use raccord_model::language::store::{FileFormat, FileMode, PartitionBy};
use raccord_model::port::Cause;
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

/// A folder that files are written to.
#[derive(Clone, Copy)]
pub(super) struct Folder<'a> {
    /// Where it is: relative to the root, or in a bucket.
    pub(super) path: &'a str,
    /// How the bucket is reached.
    pub(super) authorization: Option<&'a AuthorizationSpec>,
    /// The root of the configuration.
    pub(super) root: &'a Path,
}

/// The rows in a folder, of this machine or of a bucket.
pub(super) fn rows(
    environment: &Arc<dyn Environment>,
    folder: Folder<'_>,
    settings: FilesSettings,
) -> Result<Rows, DestinationError> {
    let invalid = |why: String| DestinationError::Denied(Cause::from(why));
    let storage = match RemotePath::of_folder(folder.path).map_err(invalid)? {
        None => StorageSource::fixed(Arc::new(LocalStorage::new(folder.root.join(folder.path)))),
        Some(_) if !cfg!(feature = "object-stores") => {
            return Err(DestinationError::NotBuilt("object-stores"));
        }
        Some(_) => bucket(environment, folder),
    };
    Ok(Rows::of(&Arc::new(FilesDestination::new(storage, settings, Arc::clone(environment)))))
}

/// A folder of a bucket. Secrets are read each time that it is opened, so that one which was changed is taken up.
fn bucket(environment: &Arc<dyn Environment>, folder: Folder<'_>) -> StorageSource {
    let secrets = StorageSecrets::new(environment, folder.root);
    let (path, authorization) = (folder.path.to_owned(), folder.authorization.cloned());
    StorageSource(Arc::new(move || {
        let (secrets, path, authorization) = (secrets.clone(), path.clone(), authorization.clone());
        Box::pin(async move {
            let refused = |error: Cause| DestinationError::Denied(error);
            let Some(place) = RemotePath::of_folder(&path).map_err(|why| refused(why.into()))? else {
                return Err(DestinationError::Unsupported("files"));
            };
            let reached = secrets.place(&place, authorization.as_ref()).await;
            let reached = reached.map_err(|error| refused(error.into()))?;
            open_tree(&reached, place.path).map_err(|error| refused(error.into()))
        })
    }))
}
