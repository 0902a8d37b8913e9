//! Opens a file as a stream of UTF-8: decompressed, decoded, without a byte order mark.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use flate2::bufread::MultiGzDecoder;
use raccord_compiler::connector::FileStream;
use raccord_model::language::connector::Compression;

use super::matching::Matched;

/// How much is read at a time.
const BUFFER: usize = 64 * 1024;

/// A file's content. UTF-8 is handed on as it is, so that a broken record can be told from its neighbours.
pub(crate) type Content = Box<dyn BufRead + Send>;

/// Opens a file.
pub(crate) fn open(file: &Matched, stream: &FileStream) -> io::Result<Content> {
    let mut bytes = decompressed(file, stream.compression)?;
    let (encoding, mark) = sniff(&mut bytes, stream.encoding)?;
    bytes.consume(mark);
    if encoding == UTF_8 {
        return Ok(bytes);
    }
    Ok(Box::new(BufReader::with_capacity(BUFFER, Decoded::new(bytes, encoding))))
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

/// What a byte order mark says, else what the settings say; and how long the mark is.
fn sniff(bytes: &mut impl BufRead, otherwise: &'static Encoding) -> io::Result<(&'static Encoding, usize)> {
    let beginning = bytes.fill_buf()?;
    Ok(Encoding::for_bom(beginning).unwrap_or((otherwise, 0)))
}

/// Decodes on the fly and stops at what the encoding does not allow: a replacement would be an invention.
struct Decoded<R> {
    bytes: R,
    decoder: Decoder,
    encoding: &'static Encoding,
    text: Vec<u8>,
    at: usize,
    is_over: bool,
}

impl<R: BufRead> Decoded<R> {
    fn new(bytes: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { bytes, decoder, encoding, text: vec![0; BUFFER], at: BUFFER, is_over: false }
    }

    /// Decodes the next piece into `text`; leaves it empty at the end.
    fn refill(&mut self) -> io::Result<()> {
        self.text.resize(BUFFER, 0);
        let mut written = 0;
        while written == 0 && !self.is_over {
            let input = self.bytes.fill_buf()?;
            let last = input.is_empty();
            let (result, read, wrote) =
                self.decoder.decode_to_utf8_without_replacement(input, &mut self.text, last);
            self.bytes.consume(read);
            written = wrote;
            match result {
                DecoderResult::Malformed(..) => {
                    let message = format!("the file is not valid {}", self.encoding.name());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                DecoderResult::InputEmpty => self.is_over = last,
                DecoderResult::OutputFull => {}
            }
        }
        self.text.truncate(written);
        self.at = 0;
        Ok(())
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.text.len() && !self.is_over {
            self.refill()?;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.len().min(to.len());
        to[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}
