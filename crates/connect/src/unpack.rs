//! Takes the compression off the body of an answer while it comes: gzip of any number of members (RFC 1952), which is all that is
//! asked for. What stands behind the last member and is none is an error: nothing of an answer is left out in silence.

use std::io::{self, Write as _};

use flate2::write::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// How many compressed bytes are taken at once: they become at most about a thousand times as many before the limit is looked at.
const STEP: usize = 4 * 1024;

/// How answers may be compressed.
pub(crate) const ACCEPTED: &str = "gzip";

/// The ways in which the headers say that a body was compressed, one after the other, in lower case.
pub(crate) fn codings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings = values.flat_map(|value| value.split(',')).map(|coding| coding.trim().to_ascii_lowercase());
    codings.filter(|coding| !coding.is_empty() && coding != "identity").collect()
}

/// Why a body could not be taken in.
#[derive(Debug)]
pub(crate) enum UnpackError {
    /// It is larger than allowed.
    TooLarge,
    /// It is no gzip, or was cut off.
    Corrupt(io::Error),
}

/// A body on its way.
pub(crate) enum Unpacker {
    /// It is taken as it comes.
    Plain(Vec<u8>),
    /// It is gzip, of which nothing came yet.
    Awaited,
    /// It is gzip.
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Unpacker {
    /// Of an answer with these headers, whose body has about so many bytes.
    pub(crate) fn of(headers: &HeaderMap, bytes: usize) -> Self {
        match codings(headers).as_slice() {
            [one] if one == ACCEPTED => Self::Awaited,
            _ => Self::Plain(Vec::with_capacity(bytes)),
        }
    }

    /// Takes in a part of the body, which may become at most so many bytes in all.
    pub(crate) fn push(&mut self, part: &[u8], limit: usize) -> Result<(), UnpackError> {
        if matches!(self, Self::Awaited) && !part.is_empty() {
            *self = Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())));
        }
        match self {
            Self::Awaited => Ok(()),
            Self::Plain(body) if part.len() > limit - body.len().min(limit) => Err(UnpackError::TooLarge),
            Self::Plain(body) => {
                body.extend_from_slice(part);
                Ok(())
            }
            Self::Gzip(decoder) => part.chunks(STEP).try_for_each(|step| {
                decoder.write_all(step).map_err(UnpackError::Corrupt)?;
                let is_within = decoder.get_ref().len() <= limit;
                is_within.then_some(()).ok_or(UnpackError::TooLarge)
            }),
        }
    }

    /// The whole body.
    pub(crate) fn end(self, limit: usize) -> Result<Vec<u8>, UnpackError> {
        match self {
            Self::Awaited => Ok(Vec::new()),
            Self::Plain(body) => Ok(body),
            Self::Gzip(decoder) => {
                let body = decoder.finish().map_err(UnpackError::Corrupt)?;
                if body.len() > limit { Err(UnpackError::TooLarge) } else { Ok(body) }
            }
        }
    }

    /// What came so far, as much of it as can be read.
    pub(crate) fn beginning(self) -> Vec<u8> {
        match self {
            Self::Awaited => Vec::new(),
            Self::Plain(body) => body,
            Self::Gzip(mut decoder) => {
                // What is broken further on has a beginning all the same.
                drop(decoder.flush());
                std::mem::take(decoder.get_mut())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn headers(coding: &str) -> HeaderMap {
        [(CONTENT_ENCODING, coding.parse().unwrap())].into_iter().collect()
    }

    /// What a body of gzip becomes that comes in parts of so many bytes.
    fn unpacked(body: &[u8], part: usize, limit: usize) -> Result<String, String> {
        let mut unpacker = Unpacker::of(&headers("GZip"), 0);
        let told = |error| match error {
            UnpackError::TooLarge => "too large".to_owned(),
            UnpackError::Corrupt(_) => "corrupt".to_owned(),
        };
        body.chunks(part).try_for_each(|part| unpacker.push(part, limit)).map_err(told)?;
        unpacker.end(limit).map(|body| String::from_utf8(body).unwrap()).map_err(told)
    }

    #[test]
    fn every_member_is_read_and_nothing_else_is_passed_over() {
        let (one, two) = (packed("one\n"), packed("two\n"));
        let check = |body: &[u8], expected: Result<&str, &str>| {
            for part in [1, 7, 100_000] {
                let unpacked = unpacked(body, part, 100);
                assert_eq!(unpacked.as_deref().map_err(String::as_str), expected, "in parts of {part}");
            }
        };
        check(&one, Ok("one\n"));
        check(&[one.clone(), two.clone()].concat(), Ok("one\ntwo\n"));
        check(b"", Ok(""));
        check(&[&one, b"garbage after it".as_slice()].concat(), Err("corrupt"));
        check(&one[..one.len() - 3], Err("corrupt"));
        check(&[one.as_slice(), &two[..5]].concat(), Err("corrupt"));
        check(b"{\"in fact\": \"text\"}", Err("corrupt"));
        check(&packed(&"x".repeat(101)), Err("too large"));
    }

    #[test]
    fn a_bomb_is_given_up_early() {
        let bomb = packed(&"0".repeat(50_000_000));
        assert_eq!(unpacked(&bomb, 1_000_000, 1_000), Err("too large".to_owned()));
    }

    #[test]
    fn what_was_not_asked_for_is_taken_as_it_is() {
        for coding in ["identity", "br", "gzip, gzip", "x-gzip"] {
            let mut unpacker = Unpacker::of(&headers(coding), 0);
            unpacker.push(b"as it is", 8).unwrap();
            assert!(matches!(unpacker.push(b"!", 8), Err(UnpackError::TooLarge)), "{coding}");
            assert_eq!(unpacker.end(8).unwrap(), b"as it is", "{coding}");
        }
    }

    #[test]
    fn the_beginning_of_what_is_broken_is_shown() {
        let body = packed(&"it went wrong, ".repeat(40_000));
        let mut unpacker = Unpacker::of(&headers("gzip"), 0);
        unpacker.push(&body[..body.len() / 2], 1_000_000).unwrap();
        assert!(unpacker.beginning().starts_with(b"it went wrong, "));
    }
}
