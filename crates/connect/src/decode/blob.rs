//! Bytes that can be read from anywhere in them: what formats need that are no text. A format's implementation may be
//! absent from a binary; then its absence is an error where a file is opened.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

/// Bytes that can be read from anywhere in them.
#[cfg_attr(
    not(any(feature = "parquet", feature = "xlsx")),
    expect(dead_code, reason = "no format reads them")
)]
pub(crate) trait Blob: Send + Sync {
    /// How many there are.
    fn len(&self) -> u64;
    /// Those from a place on: so many, or what is left.
    fn read_at(&self, at: u64, length: usize) -> io::Result<Bytes>;
}

/// Shared, since a format may read at several places at once.
pub(crate) type SharedBlob = Arc<dyn Blob>;

/// A local file.
#[derive(Debug)]
pub(crate) struct LocalBlob {
    file: File,
    length: u64,
}

impl LocalBlob {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }
}

impl Blob for LocalBlob {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes.into())
    }
}
