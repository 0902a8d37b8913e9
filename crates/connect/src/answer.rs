//! One answer: its body in one buffer within the limit, as UTF-8, and what is said about it when it is wrong.

use bytes::Bytes;
use encoding_rs::Encoding;
use raccord_model::language::connector::RecordFormat;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use url::Url;

use crate::mask::Masker;
use crate::unpack::{UnpackError, Unpacker, codings};

/// The most that is read of an answer that reports an error.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// How much is shown of what came instead of JSON.
const MAX_BEGINNING: usize = 100;

/// A complete answer with a status of success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The URL that answered, without credentials.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// By how many seconds the clock of the service is behind ours.
    pub(crate) behind: u64,
}

/// Why a body did not arrive.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is larger than allowed.
    TooLarge,
    /// The connection broke off.
    Broken(reqwest::Error),
    /// What came could not be decompressed.
    Corrupt(std::io::Error),
}

impl From<UnpackError> for BodyError {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::TooLarge => Self::TooLarge,
            UnpackError::Corrupt(error) => Self::Corrupt(error),
        }
    }
}

/// What is said of a body that could not be decompressed.
pub(crate) fn corrupt(error: &std::io::Error) -> String {
    format!("what came is no whole gzip, as `Content-Encoding` says that it is: {error}")
}

/// Ways to compress an answer that are never asked for; gzip alone is, once, and has been taken off by then. Under its old name
/// `x-gzip` it has not.
const UNASKED: [&str; 6] = ["br", "zstd", "deflate", "compress", "x-gzip", "x-compress"];

/// Why a body that came in another way than was asked for cannot be read. One that is text in spite of what its header says can.
pub(crate) fn unasked_encoding(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let codings = codings(headers);
    let is_unasked = codings.len() > 1 || codings.iter().any(|coding| UNASKED.contains(&coding.as_str()));
    let coding = is_unasked.then(|| codings.join(", "))?;
    let is_text = std::str::from_utf8(body)
        .is_ok_and(|text| !text.chars().any(|char| char.is_control() && !char.is_ascii_whitespace()));
    (!is_text).then(|| {
        format!(
            "the answer is compressed with `{coding}` (Content-Encoding), although only gzip was asked for; tell the service, or the proxy \
             before it, to send gzip or nothing"
        )
    })
}

/// Reads a body of at most `limit` bytes into one buffer. The limit counts what comes out of decompression.
pub(crate) async fn read_body(mut response: Response, limit: u64) -> Result<Bytes, BodyError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit {
        return Err(BodyError::TooLarge);
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut body = Unpacker::of(response.headers(), usize::try_from(announced).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        body.push(&chunk, limit)?;
    }
    Ok(Bytes::from(body.end(limit)?))
}

/// Reads the beginning of the body of an error, as much as comes.
pub(crate) async fn read_beginning(mut response: Response) -> Vec<u8> {
    let mut body = Unpacker::of(response.headers(), 0);
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.push(&chunk, MAX_ERROR_BODY).is_err() {
            break;
        }
    }
    body.beginning()
}

/// The body as UTF-8, without a byte order mark; the error says which charset it claims.
pub(crate) fn to_utf8(headers: &HeaderMap, body: Bytes) -> Result<Bytes, String> {
    let encoding = encoding(headers)?.unwrap_or(encoding_rs::UTF_8);
    if encoding == encoding_rs::UTF_8 {
        let has_mark = body.starts_with(b"\xef\xbb\xbf");
        return Ok(if has_mark { body.slice(3..) } else { body });
    }
    let (text, used, has_errors) = encoding.decode(&body);
    if has_errors {
        return Err(format!("the answer is not valid {}", used.name()));
    }
    Ok(Bytes::from(text.into_owned().into_bytes()))
}

/// The encoding that the headers claim; the error names one that is not known.
pub(crate) fn encoding(headers: &HeaderMap) -> Result<Option<&'static Encoding>, String> {
    let label = charset(headers).filter(|label| !label.eq_ignore_ascii_case("us-ascii"));
    let of = |label: &String| {
        Encoding::for_label(label.as_bytes())
            .ok_or_else(|| format!("the answer is in the unknown charset `{label}`"))
    };
    label.as_ref().map(of).transpose()
}

/// The parameter `charset` of the content type.
fn charset(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.to_owned())
    })
}

/// What came instead of CSV or JSON Lines.
pub(crate) fn unexpected(format: RecordFormat, headers: &HeaderMap, body: &[u8], masker: &Masker) -> String {
    let format = match format {
        RecordFormat::Csv => "CSV",
        RecordFormat::Jsonl => "JSON Lines",
        RecordFormat::Json => "JSON",
        RecordFormat::Xlsx => "XLSX",
        RecordFormat::Parquet => "Parquet",
    };
    let beginning = masker.excerpt(body, MAX_BEGINNING);
    format!("the answer is not {format} but {}; it begins with `{beginning}`", named_type(headers))
}

/// The content type that the headers claim.
fn named_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("an unnamed type")
}

/// What came instead of JSON.
pub(crate) fn not_json(
    headers: &HeaderMap,
    body: &[u8],
    error: &dyn std::fmt::Display,
    masker: &Masker,
) -> String {
    let content_type = named_type(headers);
    if body.is_empty() {
        return format!("the answer is empty; JSON was expected ({content_type} came)");
    }
    let beginning = masker.excerpt(body, MAX_BEGINNING);
    if body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[") {
        return format!("the answer is {error}; it begins with `{beginning}`");
    }
    format!("the answer is not JSON but {content_type}; it begins with `{beginning}`")
}

#[cfg(test)]
mod tests {
    use reqwest::header::CONTENT_ENCODING;

    use super::*;

    #[test]
    fn a_charset_is_decoded_or_named() {
        let cases: [(&str, &[u8], Result<&str, &str>); 7] = [
            ("application/json", "é".as_bytes(), Ok("é")),
            ("application/json", b"\xef\xbb\xbf{}", Ok("{}")),
            ("application/json; charset=utf-8", "é".as_bytes(), Ok("é")),
            ("text/json;charset=\"ISO-8859-1\"", b"\xe9", Ok("é")),
            ("application/json; charset=shift_jis", b"\x83\x41", Ok("\u{30a2}")),
            (
                "application/json; charset=klingon",
                b"{}",
                Err("the answer is in the unknown charset `klingon`"),
            ),
            ("application/json; charset=euc-jp", b"\xff\xff", Err("the answer is not valid EUC-JP")),
        ];
        for (content_type, body, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            let decoded = to_utf8(&headers, Bytes::copy_from_slice(body));
            let decoded = decoded.map(|body| String::from_utf8(body.to_vec()).unwrap());
            assert_eq!(decoded, expected.map(str::to_owned).map_err(str::to_owned), "{content_type}");
        }
    }

    #[test]
    fn a_compression_that_was_not_asked_for_is_named() {
        for (coding, body, is_named) in [
            ("br", &b"\x0b\x02\x80{}\x03"[..], true),
            ("x-gzip", b"\x1f\x8b\x08\x00", true),
            ("identity, X-Compress", b"\x1f\x9d\x90", true),
            ("gzip, gzip", b"\x1f\x8b\x08\x00", true),
            ("gzip", b"\x1f\x8b\x08\x00", false),
            ("x-gzip", b"{\"in fact\": \"text\"}\n", false),
            ("identity", b"\x1f\x8b\x08\x00", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
            assert_eq!(unasked_encoding(&headers, body).is_some(), is_named, "{coding} {body:?}");
        }
    }
}
