//! Bytes as a stream of UTF-8: decoded, without a byte order mark. UTF-8 is handed on as it is, so that a broken record can be
//! told from its neighbours.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

/// How much is read at a time.
pub(crate) const BUFFER: usize = 64 * 1024;

/// What is to be decoded, from a file or an answer.
pub(crate) type Content = Box<dyn BufRead + Send>;

/// The bytes as UTF-8. `otherwise` is their encoding unless a byte order mark says another; `what` they are is told in
/// messages.
pub(crate) fn text(
    mut bytes: Content,
    otherwise: &'static Encoding,
    what: &'static str,
) -> io::Result<Content> {
    let (encoding, mark) = sniff(&mut bytes, otherwise)?;
    bytes.consume(mark);
    if encoding == UTF_8 {
        return Ok(bytes);
    }
    Ok(Box::new(BufReader::with_capacity(BUFFER, Decoded::new(bytes, encoding, what))))
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
    what: &'static str,
    text: Vec<u8>,
    at: usize,
    is_over: bool,
}

impl<R: BufRead> Decoded<R> {
    fn new(bytes: R, encoding: &'static Encoding, what: &'static str) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { bytes, decoder, encoding, what, text: vec![0; BUFFER], at: BUFFER, is_over: false }
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
                    let message = format!("the {} is not valid {}", self.what, self.encoding.name());
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
