//! Opens a file: as a stream of UTF-8, decompressed and decoded, or as bytes that are read here and there.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use raccord_compiler::connector::FileStream;
use raccord_model::language::connector::{Compression, RecordFormat};
use raccord_model::port::source::SourceError;
use tokio::runtime::Handle;

use super::matching::{Located, Matched, file_error};
use super::remote::RemoteFiles;
use crate::decode::{
    BUFFER, Batch, Content, Decoding, LocalBlob, SharedBlob, Spot, decode, decode_from, decode_parquet,
    decode_workbook, text,
};

/// Opens the files of a stream.
pub(crate) struct Opener {
    pub(crate) stream: Arc<FileStream>,
    /// What reaches them, where they are not here.
    pub(crate) remote: Option<(RemoteFiles, Handle)>,
}

impl Opener {
    /// The records of a file; from a spot on where one is known.
    pub(crate) fn records(
        &self,
        file: &Matched,
        spot: Option<Spot>,
    ) -> Result<Box<dyn Decoding>, SourceError> {
        let (name, decoder) = (&file.name, &self.stream.decoder);
        match decoder.format {
            RecordFormat::Xlsx => return decode_workbook(&self.blob(file)?, name, decoder),
            RecordFormat::Parquet => return decode_parquet(&self.blob(file)?, name),
            RecordFormat::Csv | RecordFormat::Jsonl | RecordFormat::Json => {}
        }
        let failed = |error| file_error(name, error);
        let mut content = self.decompressed(file).map_err(failed)?;
        let mark = self.mark(file, &mut content).map_err(failed)?;
        let content = text(content, decoder.encoding, "file").map_err(failed)?;
        if let Some(spot) = spot {
            let rest = self.bytes(file, spot.byte.saturating_sub(1)).map_err(failed)?;
            let mut rest: Content = Box::new(BufReader::with_capacity(BUFFER, rest));
            let before = rest.fill_buf().map_err(failed)?.first().copied();
            rest.consume(usize::from(before.is_some()));
            let decoding = decode_from(content, (before, rest), spot, name, decoder)?;
            return Ok(Box::new(Marked { decoding, mark: Some(0) }));
        }
        let decoding = decode(content, name, Some(file.print.size), decoder)?;
        Ok(Box::new(Marked { decoding, mark }))
    }

    /// How long the byte order mark of a file is that can be read from a byte on: what is compressed cannot, nor what is
    /// decoded.
    fn mark(&self, file: &Matched, content: &mut Content) -> io::Result<Option<u64>> {
        let is_plain =
            self.compression(file) == Compression::None && self.stream.decoder.encoding == encoding_rs::UTF_8;
        if !is_plain {
            return Ok(None);
        }
        Ok(match encoding_rs::Encoding::for_bom(content.fill_buf()?) {
            None => Some(0),
            Some((encoding, length)) if encoding == encoding_rs::UTF_8 => u64::try_from(length).ok(),
            Some(_) => None,
        })
    }

    /// The bytes of a file as they were before it was compressed.
    fn decompressed(&self, file: &Matched) -> io::Result<Content> {
        Ok(decompressed(self.bytes(file, 0)?, self.compression(file)))
    }

    fn compression(&self, file: &Matched) -> Compression {
        self.stream.compression.unwrap_or_else(|| compression_of(&file.name))
    }

    /// The bytes of a file from one on.
    fn bytes(&self, file: &Matched, from: u64) -> io::Result<Box<dyn Read + Send>> {
        match (&file.located, &self.remote) {
            (Located::Elsewhere(listed), Some((remote, runtime))) => {
                Ok(Box::new(remote.blob(listed, runtime).stream(from)))
            }
            _ => local(file, from),
        }
    }

    fn blob(&self, file: &Matched) -> Result<SharedBlob, SourceError> {
        if let (Located::Elsewhere(listed), Some((remote, runtime))) = (&file.located, &self.remote) {
            return Ok(Arc::new(remote.blob(listed, runtime)));
        }
        let opened = file.path().and_then(File::open).and_then(LocalBlob::new);
        Ok(Arc::new(opened.map_err(|error| file_error(&file.name, error))?))
    }
}

/// Records of a text, and how long the mark before it is; `None` where it cannot be read from a byte on.
struct Marked {
    decoding: Box<dyn Decoding>,
    mark: Option<u64>,
}

impl Decoding for Marked {
    fn batch(&mut self, most: usize) -> Result<Batch, SourceError> {
        self.decoding.batch(most)
    }

    fn pass_over(&mut self, records: u64) -> u64 {
        self.decoding.pass_over(records)
    }

    fn spot(&self) -> Option<Spot> {
        let (spot, mark) = (self.decoding.spot()?, self.mark?);
        Some(Spot { byte: spot.byte + mark, ..spot })
    }
}

/// The bytes of a local file from one on.
fn local(file: &Matched, from: u64) -> io::Result<Box<dyn Read + Send>> {
    let mut opened = File::open(file.path()?)?;
    opened.seek(SeekFrom::Start(from))?;
    Ok(Box::new(opened))
}

/// The bytes of a local file as they were before it was compressed.
pub(crate) fn local_decompressed(file: &Matched, compression: Option<Compression>) -> io::Result<Content> {
    Ok(decompressed(local(file, 0)?, compression.unwrap_or_else(|| compression_of(&file.name))))
}

fn decompressed(bytes: Box<dyn Read + Send>, compression: Compression) -> Content {
    let plain = BufReader::with_capacity(BUFFER, bytes);
    match compression {
        Compression::None => Box::new(plain),
        Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain))),
    }
}

/// What a file's name says of its compression.
fn compression_of(name: &str) -> Compression {
    match name.rsplit_once('.') {
        Some((_, extension)) if extension.eq_ignore_ascii_case("gz") => Compression::Gzip,
        _ => Compression::None,
    }
}
