//! A blob as the library of Parquet reads one.

use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::decode::blob::SharedBlob;

/// How much is read at once where the end is not known yet.
const AHEAD: usize = 8 * 1024;

/// A blob, and the last error that it gave: the library mixes such errors with those of the format.
#[derive(Clone)]
pub(super) struct Chunks {
    blob: SharedBlob,
    failed: Arc<Mutex<Option<io::Error>>>,
}

impl Chunks {
    pub(super) fn new(blob: &SharedBlob) -> Self {
        Self { blob: SharedBlob::clone(blob), failed: Arc::default() }
    }

    /// What the blob failed with, since this was asked last.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn read_at(&self, at: u64, length: usize) -> io::Result<Bytes> {
        self.blob.read_at(at, length).map_err(|error| {
            let kind = error.kind();
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            io::Error::from(kind)
        })
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.blob.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(AHEAD, From { chunks: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.read_at(start, length)?;
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(ParquetError::EOF(format!(
                "{length} bytes are expected at {start}, {} are there",
                bytes.len()
            )))
        }
    }
}

/// What follows from a place on.
pub(super) struct From {
    chunks: Chunks,
    at: u64,
}

impl Read for From {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let bytes = self.chunks.read_at(self.at, to.len())?;
        to[..bytes.len()].copy_from_slice(&bytes);
        self.at += u64::try_from(bytes.len()).unwrap_or_default();
        Ok(bytes.len())
    }
}
