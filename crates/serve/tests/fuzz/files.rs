//! The readers of files: any bytes give records, faults or an error, the same however large the pages are.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use raccord_compiler::connector::lower;
use raccord_connect::{SecretReader, SourceShared, open_source};
use raccord_model::checkpoint::PageToken;
use raccord_model::language::{ConnectorSettings, FileSettings};
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, Source, SourceError};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::harness::{Target, fuzz, outcome};
use crate::samples;

/// The name of the one file.
const NAME: &str = "input";

struct Reader {
    home: TempDir,
    runtime: Runtime,
    /// One for each way to read the format; the first byte of an input chooses.
    sources: Vec<Box<dyn Source>>,
}

/// What reading came to.
#[derive(Default)]
struct All {
    records: Vec<String>,
    faults: Vec<String>,
    /// Where each page but the first begins, and how many records and faults came before.
    tokens: Vec<(PageToken, usize, usize)>,
}

impl Reader {
    fn new(ways: &[Value]) -> Self {
        let home = TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sources = ways.iter().map(|way| open(way, &home)).collect();
        Self { home, runtime, sources }
    }

    fn read(&self, source: &dyn Source, read: Read) -> Result<All, SourceError> {
        self.runtime.block_on(async {
            let mut pages = source.open(read).await?;
            let mut all = All::default();
            while let Some(Page { records, faults, next, .. }) = pages.next().await? {
                all.records.extend(records.iter().map(|record| record.to_json()));
                all.faults.extend(faults.iter().map(|fault| format!("{}: {}", fault.position, fault.reason)));
                all.tokens.extend(next.map(|token| (token, all.records.len(), all.faults.len())));
            }
            Ok(all)
        })
    }

    fn check(&self, input: &[u8]) -> u64 {
        let (first, content) =
            input.split_first().map_or((0, input), |(first, rest)| (usize::from(*first), rest));
        let source = &*self.sources[first % self.sources.len()];
        File::create(self.home.path().join(NAME)).unwrap().write_all(content).unwrap();
        let whole = self.read(source, Read { page_size: Some(100_000), ..Read::default() });
        let size = 1 + first / self.sources.len() % 7;
        // Page by page is slow; what is long needs no more pages than that.
        let length = whole.as_ref().map_or(0, |all| all.records.len() + all.faults.len());
        let size = size.max(length / 12);
        let paged = self.read(source, Read { page_size: Some(size), ..Read::default() });
        assert_eq!(whole.is_ok(), paged.is_ok(), "{:?} {:?}", whole.err(), paged.err());
        let (Ok(whole), Ok(paged)) = (&whole, &paged) else {
            let said = whole.err().map(|error| error.to_string()).unwrap_or_default();
            return outcome(said.chars().filter(|c| !c.is_numeric()).take(40).collect::<String>());
        };
        assert_eq!((&whole.records, &whole.faults), (&paged.records, &paged.faults), "in pages of {size}");
        if let Some((token, records, faults)) = paged.tokens.get(paged.tokens.len() / 2) {
            let read = Read { page: Some(token.clone()), page_size: Some(size), ..Read::default() };
            let rest = self.read(source, read).unwrap();
            assert_eq!(
                (&whole.records[*records..], &whole.faults[*faults..]),
                (&rest.records[..], &rest.faults[..])
            );
        }
        let reasons: std::collections::BTreeSet<String> = whole
            .faults
            .iter()
            .map(|fault| fault.chars().filter(|c| !c.is_numeric()).take(60).collect())
            .collect();
        outcome((whole.records.len().min(5), whole.faults.len().min(3), reasons))
    }
}

fn open(way: &Value, home: &TempDir) -> Box<dyn Source> {
    let mut data_type = way.clone();
    data_type["path"] = json!(NAME);
    let settings = serde_json::from_value::<FileSettings>(json!({"dataTypes": {"a": data_type}})).unwrap();
    let settings = ConnectorSettings::from(settings);
    let (stream, findings) = lower(&settings, &"a".parse().unwrap());
    let stream = stream.unwrap_or_else(|| panic!("{findings:?}"));
    let secrets = SecretReader::new(Arc::new(|_: &str| None), home.path());
    let now = Arc::new(|| "2024-01-31T09:30:00Z".parse().unwrap());
    let shared = SourceShared::new(&settings, secrets, now, 7).unwrap();
    open_source(&stream, None, home.path(), &shared).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Each sample before the ways in which it can be read; the last way is gzip.
fn run(name: &'static str, words: &'static [&'static str], ways: &[Value], texts: &[Vec<u8>]) {
    let mut samples = Vec::new();
    for way in 0..u8::try_from(ways.len()).unwrap() {
        let is_packed = usize::from(way) + 1 == ways.len();
        let content = |text: &[u8]| if is_packed { gzip(text) } else { text.to_vec() };
        samples.extend(texts.iter().map(|text| [&[way][..], &content(text)].concat()));
    }
    let ways = ways.to_vec();
    fuzz(Target { name, samples, words }, move || {
        let reader = Reader::new(&ways);
        move |input: &[u8]| reader.check(input)
    });
}

#[test]
fn csv() {
    let ways = [
        json!({"format": "csv"}),
        json!({"format": "csv", "delimiter": ";"}),
        json!({"format": "csv", "columns": ["id", "name"]}),
        json!({"format": "csv", "encoding": "latin1"}),
        json!({"format": "csv", "encoding": "utf-16"}),
        json!({"format": "csv", "encoding": "shift_jis"}),
        json!({"format": "csv", "compression": "gzip"}),
    ];
    let mut texts = samples::files("examples", &[".csv"]);
    texts.push(b"id,name\n1,\"a\n\"\"b\"\"\"\n2,\n\n3,c,d\n4\n".to_vec());
    texts.push("\u{feff}id;name\r\n1;é\r\n".as_bytes().to_vec());
    run(
        "csv",
        &[",", ";", "\"", "\"\"", "\n", "\r\n", "\r", "\0", "\u{feff}", "\t", "é", "id"],
        &ways,
        &texts,
    );
}

#[test]
fn jsonl() {
    let ways = [json!({"format": "jsonl"}), json!({"format": "jsonl", "compression": "gzip"})];
    let mut texts = samples::files("examples", &[".jsonl"]);
    texts.push(b"{\"id\":1}\n[1]\n\n{\"a\":{\"b\":[null,1e5,\"\\u00e9\"]}}\r\n7\n{".to_vec());
    run("jsonl", &["{", "}", "\"", "\\u", "\\ud800", "\n", "\r\n", "\0", "null", "[", "]"], &ways, &texts);
}

#[test]
fn json_files() {
    let ways = [
        json!({"format": "json"}),
        json!({"format": "json", "records": "a.b"}),
        json!({"format": "json", "records": "list[0]"}),
        json!({"format": "json", "compression": "gzip"}),
    ];
    let mut texts = samples::files("examples", &[".json"]);
    texts.push(b"[{\"id\":1}, 3, {\"id\":2, \"x\": [[]]}]".to_vec());
    texts.push(b"{\"a\":{\"b\":[{\"id\":1},{\"id\":2}]},\"list\":[[{}],[{\"n\":null}]]}".to_vec());
    let words =
        &["{", "}", "[", "]", "\"a\":", "\"b\":", "\\u", "\\ud800", "\0", "null", ",", "\u{feff}", "1e400"];
    run("json_files", words, &ways, &texts);
}
