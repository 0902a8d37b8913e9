//! Opens a file as a stream of UTF-8: decompressed, and decoded.

use std::fs::File;
use std::io::{self, BufReader};

use flate2::bufread::MultiGzDecoder;
use raccord_compiler::connector::FileStream;
use raccord_model::language::connector::Compression;

use super::matching::Matched;
use crate::decode::{BUFFER, Content, text};

/// Opens a file.
pub(crate) fn open(file: &Matched, stream: &FileStream) -> io::Result<Content> {
    text(decompressed(file, stream.compression)?, stream.decoder.encoding, "file")
}

/// The bytes of a file as they were before it was compressed.
pub(crate) fn decompressed(file: &Matched, compression: Option<Compression>) -> io::Result<Content> {
    let plain = BufReader::with_capacity(BUFFER, File::open(&file.path)?);
    Ok(match compression.unwrap_or_else(|| compression_of(file)) {
        Compression::None => Box::new(plain),
        Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain))),
    })
}

/// What a file's name says of its compression.
fn compression_of(file: &Matched) -> Compression {
    let extension = file.path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some(extension) if extension.eq_ignore_ascii_case("gz") => Compression::Gzip,
        _ => Compression::None,
    }
}
