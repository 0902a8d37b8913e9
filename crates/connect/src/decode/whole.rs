//! An answer that is no JSON document, decoded as a whole into one: what follows its pages is looked for in JSON alone.

use std::io::{BufReader, Cursor};

use bytes::Bytes;
use encoding_rs::Encoding;
use raccord_compiler::connector::Decoder;
use raccord_model::port::records::Fault;
use raccord_model::port::source::SourceError;

use super::text::{Content, text};
use super::{decode, unreadable};

/// How many records are decoded at a time.
const BATCH: usize = 1_000;

/// The records of an answer.
#[derive(Debug)]
pub(crate) struct Whole {
    /// A JSON array: a null for each fault, so that what counts the records of a page counts them too, and then the records.
    pub(crate) array: Bytes,
    /// What stood where a record was expected.
    pub(crate) faults: Vec<Fault>,
}

/// Decodes a body. `name` says in messages where it stands, `encoding` is what its headers say of it, and `most` how many
/// bytes of JSON its records may come to.
pub(crate) fn whole(
    body: Bytes,
    name: &str,
    decoder: &Decoder,
    encoding: Option<&'static Encoding>,
    most: u64,
) -> Result<Whole, SourceError> {
    let size = u64::try_from(body.len()).ok();
    let content: Content = Box::new(BufReader::new(Cursor::new(body)));
    let content = text(content, encoding.unwrap_or(decoder.encoding), "answer");
    let mut decoding = decode(content.map_err(|error| unreadable(name, error))?, name, size, decoder)?;
    let (mut records, mut faults) = (Vec::new(), Vec::new());
    loop {
        let batch = decoding.batch(BATCH)?;
        for record in batch.records.iter() {
            records.extend_from_slice(record.to_json().as_bytes());
            records.push(b',');
            if u64::try_from(records.len()).map_or(true, |length| length > most) {
                let message = format!(
                    "its records come to more than {most} bytes of JSON; ask for smaller pages, or raise `maxBody`"
                );
                return Err(SourceError::Limit { place: name.to_owned(), message });
            }
        }
        faults.extend(batch.faults);
        if batch.is_last {
            records.pop();
            return Ok(Whole { array: array(&records, faults.len()), faults });
        }
    }
}

/// A JSON array of so many nulls and the records, which have their commas already.
fn array(records: &[u8], faults: usize) -> Bytes {
    let mut array = vec![b'['];
    array.extend_from_slice("null,".repeat(faults).as_bytes());
    if records.is_empty() && faults > 0 {
        array.pop();
    }
    array.extend_from_slice(records);
    array.push(b']');
    array.into()
}

#[cfg(test)]
mod tests {
    use raccord_compiler::connector::lower_http;
    use serde_json::{Value, json};

    use super::*;

    /// The records of a body, each as a line, then what is none; or the error.
    fn check(decode: &Value, body: &[u8], expected: Result<&str, &str>) {
        let settings = json!({"baseUrl": "https://a.example", "dataTypes": {"a": {"decode": decode}}});
        let settings = serde_json::from_value(settings).unwrap();
        let decoder = lower_http(&settings, &"a".parse().unwrap()).0.unwrap().decoder.unwrap();
        let read = whole(Bytes::copy_from_slice(body), "page 1", &decoder, None, 80);
        let shown = read.map_err(|error| error.to_string()).map(|whole| {
            let mut records: Vec<Value> = serde_json::from_slice(&whole.array).unwrap();
            let records = records.split_off(whole.faults.len());
            let faults = whole.faults.iter().map(|fault| format!("{}: {}", fault.position, fault.reason));
            records.iter().map(Value::to_string).chain(faults).collect::<Vec<_>>().join(" | ")
        });
        let shown = shown.as_deref().map_err(String::as_str);
        assert_eq!(shown, expected, "{decode} {}", String::from_utf8_lossy(body));
    }

    #[test]
    fn an_answer_is_decoded_as_a_file_is() {
        let csv = json!("csv");
        check(&csv, b"a,b\n1,\"x\"\"y\"\n", Ok(r#"{"a":"1","b":"x\"y"}"#));
        check(&csv, b"\xef\xbb\xbfa\r\n\xc3\xa9\r\n", Ok(r#"{"a":"é"}"#));
        check(&csv, b"\xff\xfea\0\n\x007\0", Ok(r#"{"a":"7"}"#));
        check(
            &csv,
            b"a,b\n1\n2,3\n",
            Ok(r#"{"a":"2","b":"3"} | page 1, line 2: it has 1 cells, the header has 2"#),
        );
        check(&csv, b"a,b\n", Ok(""));
        check(&csv, b"a\n\"1", Err("page 1: the quote opened on line 2 is never closed"));
        let own = json!({"format": "csv", "delimiter": ";", "columns": ["a", "b"], "comment": "#", "missingCells": "empty"});
        check(&own, b"# x\n1;2\n3\n", Ok(r#"{"a":"1","b":"2"} | {"a":"3","b":""}"#));
        check(
            &json!("jsonl"),
            b"{\"n\": 10000000000000000000001}\n\n7\n{\"m\":2}",
            Ok(r#"{"n":1e+22} | {"m":2} | page 1, line 3: it is not a JSON object"#),
        );
        check(
            &csv,
            &[b"a\n".as_slice(), &b"1\n".repeat(20)].concat(),
            Err(
                "page 1: its records come to more than 80 bytes of JSON; ask for smaller pages, or raise `maxBody`",
            ),
        );
    }
}
