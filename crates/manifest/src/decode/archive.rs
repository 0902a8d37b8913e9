//! What gzip and ZIP pack. A body that unpacks to more than [`MAX_BYTES`] is refused.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::DecodeError;

/// How many bytes may come out of one body.
const MAX_BYTES: u64 = 4 << 30;

/// A body that is packed with gzip, unpacked; another one as it is.
pub(super) fn unpacked(body: &Bytes) -> Result<Bytes, DecodeError> {
    if body.starts_with(&[0x1f, 0x8b]) {
        read(MultiGzDecoder::new(body.as_ref()), "gzip")
    } else {
        Ok(body.clone())
    }
}

/// A body that is packed with gzip or zlib, unpacked; another one as it is.
pub(super) fn inflated(body: &Bytes) -> Result<Bytes, DecodeError> {
    // The first two bytes of zlib are a number that 31 divides.
    let is_zlib = matches!(body.as_ref(), [0x78, second, ..] if (0x7800 + u16::from(*second)) % 31 == 0);
    if is_zlib { read(ZlibDecoder::new(body.as_ref()), "zlib") } else { unpacked(body) }
}

fn read(from: impl Read, kind: &str) -> Result<Bytes, DecodeError> {
    let mut bytes = Vec::new();
    let mut limited = from.take(MAX_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(|_| DecodeError(format!("no valid {kind}")))?;
    if limited.limit() == 0 {
        return Err(DecodeError("larger than allowed when it is unpacked".to_owned()));
    }
    Ok(Bytes::from(bytes))
}

/// The files of a ZIP archive, in the order of its directory.
pub(super) fn files(body: &Bytes) -> Result<Vec<Bytes>, DecodeError> {
    let broken = || DecodeError("no valid ZIP archive".to_owned());
    let end = memchr::memmem::rfind(body, b"PK\x05\x06").ok_or_else(broken)?;
    let count = number(body, end + 10, 2).ok_or_else(broken)?;
    let mut at = number(body, end + 16, 4).ok_or_else(broken)?;
    let mut files = Vec::new();
    for _ in 0..count {
        let entry = body.get(at..).filter(|rest| rest.starts_with(b"PK\x01\x02")).ok_or_else(broken)?;
        let field = |offset, length| number(entry, offset, length).ok_or_else(broken);
        let (method, packed, local) = (field(10, 2)?, field(20, 4)?, field(42, 4)?);
        let lengths = field(28, 2)? + field(30, 2)? + field(32, 2)?;
        let name = entry.get(46..46 + field(28, 2)?).ok_or_else(broken)?;
        at += 46 + lengths;
        let is_directory = name.ends_with(b"/");
        let start = local
            + 30
            + number(body, local + 26, 2).ok_or_else(broken)?
            + number(body, local + 28, 2).ok_or_else(broken)?;
        let content = body.get(start..start + packed).ok_or_else(broken)?;
        match method {
            _ if is_directory => {}
            0 => files.push(body.slice_ref(content)),
            8 => files.push(read(DeflateDecoder::new(content), "ZIP archive")?),
            _ => return Err(DecodeError("a ZIP archive of a kind that is not known".to_owned())),
        }
    }
    Ok(files)
}

/// A number of so many bytes, the smallest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let digits = bytes.get(at..at + length)?;
    Some(digits.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
