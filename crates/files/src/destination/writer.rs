//! The files that a transfer has under way: rows are added to the file of their partition, and one that is large enough is ended.
//! What is under way is in no log, and is gone when this is dropped.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use raccord_model::fact::Uid;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::environment::Environment;

use super::error;
use super::layout::{Layout, name_of};
use super::world::DataFile;
use crate::format::{Cell, EncodeError, Encoder, Format, NotBuiltIn, encoder};
use crate::storage::{FilePath, Storage, Upload};

/// A file is ended with so many bytes.
const FULL: u64 = 128 << 20;
/// So many bytes are handed to the storage at a time.
const CHUNK: usize = 256 * 1024;

/// How many files are open between two pages: the ones of Parquet keep rows in memory.
const fn most_open(format: Format) -> usize {
    match format {
        Format::Jsonl | Format::Csv => 32,
        Format::Parquet => 4,
    }
}

/// The files of a transfer that are under way.
pub(crate) struct Writer {
    transfer: Uid,
    format: Format,
    pub(crate) layout: Arc<Layout>,
    /// By their folder within the entity's.
    open: HashMap<String, usize>,
    files: Vec<OpenFile>,
    /// The number of the file to which a row was added last.
    latest: usize,
    done: Vec<DataFile>,
}

struct OpenFile {
    folder: String,
    encoder: Box<dyn Encoder>,
    /// Begun with its first bytes.
    upload: Option<(FilePath, Box<dyn Upload>)>,
    rows: u64,
    bytes: u64,
}

/// What is needed to hand bytes on.
#[derive(Clone, Copy)]
pub(crate) struct Outlet<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) environment: &'a dyn Environment,
}

impl Writer {
    pub(crate) fn new(transfer: Uid, format: Format, layout: Arc<Layout>) -> Self {
        Self {
            transfer,
            format,
            layout,
            open: HashMap::new(),
            files: Vec::new(),
            latest: 0,
            done: Vec::new(),
        }
    }

    /// How many rows are in it.
    pub(crate) fn rows(&self) -> u64 {
        let open: u64 = self.files.iter().map(|file| file.rows).sum();
        open + super::world::rows_of(&self.done)
    }

    /// Adds a row to the file in a folder within the entity's.
    pub(crate) fn row(
        &mut self,
        folder: &str,
        cells: &[Cell<'_>],
    ) -> Result<Result<(), EncodeError>, NotBuiltIn> {
        let number = self.number_of(folder)?;
        let Some(file) = self.files.get_mut(number) else { return Ok(Ok(())) };
        let added = file.encoder.row(cells);
        file.rows += u64::from(added.is_ok());
        Ok(added)
    }

    /// The number of the file in a folder, which is opened when there is none.
    fn number_of(&mut self, folder: &str) -> Result<usize, NotBuiltIn> {
        // Rows of one folder come together more often than not.
        if self.files.get(self.latest).is_some_and(|file| file.folder == folder) {
            return Ok(self.latest);
        }
        if let Some(number) = self.open.get(folder) {
            self.latest = *number;
            return Ok(self.latest);
        }
        let encoder = encoder(self.format, &self.layout.columns)?;
        let folder = folder.to_owned();
        self.latest = self.files.len();
        self.open.insert(folder.clone(), self.latest);
        self.files.push(OpenFile { folder, encoder, upload: None, rows: 0, bytes: 0 });
        Ok(self.latest)
    }

    /// Hands on what has come together, ends files that are full, and of those that are too many the oldest.
    pub(crate) async fn drain(&mut self, outlet: Outlet<'_>) -> Result<(), DestinationError> {
        let mut kept = Vec::new();
        let most = most_open(self.format).min(outlet.storage.most_open());
        let surplus = self.files.len().saturating_sub(most);
        self.open.clear();
        for (number, mut file) in std::mem::take(&mut self.files).into_iter().enumerate() {
            if file.encoder.pending() >= CHUNK {
                self.hand_on(&mut file, outlet).await?;
            }
            if number < surplus || file.bytes >= FULL {
                self.end(file, outlet).await?;
            } else {
                self.open.insert(file.folder.clone(), kept.len());
                kept.push(file);
            }
        }
        self.files = kept;
        Ok(())
    }

    /// Ends all files. They are durable then, and to be named in the log.
    pub(crate) async fn finish(mut self, outlet: Outlet<'_>) -> Result<Vec<DataFile>, DestinationError> {
        for file in std::mem::take(&mut self.files) {
            self.end(file, outlet).await?;
        }
        Ok(self.done)
    }

    async fn hand_on(&mut self, file: &mut OpenFile, outlet: Outlet<'_>) -> Result<(), DestinationError> {
        let bytes = file.encoder.take();
        let (_, upload) = match &mut file.upload {
            Some(upload) => upload,
            none => {
                let name = name_of(self.transfer, outlet.environment.new_id(), self.format.extension());
                let path = format!("{}/{}{name}", self.layout.folder, file.folder);
                let path = FilePath::new(&path).map_err(error::path)?;
                let upload = outlet.storage.upload(&path).await.map_err(error::write)?;
                none.insert((path, upload))
            }
        };
        file.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        upload.write(Bytes::from(bytes)).await.map_err(error::write)
    }

    async fn end(&mut self, mut file: OpenFile, outlet: Outlet<'_>) -> Result<(), DestinationError> {
        if file.rows == 0 {
            return Ok(());
        }
        file.encoder.finish().map_err(error::encode)?;
        self.hand_on(&mut file, outlet).await?;
        let OpenFile { upload: Some((path, upload)), rows, bytes, .. } = file else { return Ok(()) };
        upload.finish().await.map_err(error::write)?;
        self.done.push(DataFile { path: path.to_string(), rows, bytes, transfer: self.transfer });
        Ok(())
    }
}
