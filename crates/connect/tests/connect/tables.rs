//! Workbooks and Parquet, as other programs write them: `tests/data/make.py`.

use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use raccord_model::port::records::Page;
use raccord_model::port::source::Read;
use serde_json::{Value, json};

use crate::files::{check_error, content, directory, open};
use crate::service::{read_all, read_pages};

pub(crate) fn made(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

/// What is in a file: its records, then its faults.
async fn lines(name: &str, bytes: &[u8], members: &Value) -> Vec<String> {
    let root = directory(&[(name, bytes)]);
    let mut data_type = members.clone();
    data_type["path"] = json!(name);
    let pages = read_all(&*open(root.path(), &data_type)).await.unwrap_or_else(|error| panic!("{error:?}"));
    let (records, faults) = content(&pages);
    records.into_iter().chain(faults).collect()
}

async fn check(name: &str, members: Value, expected: &[&str]) {
    let found = lines(name, &made(name), &members).await;
    assert_eq!(found, expected, "{name} {members}\n{}", found.join("\n"));
}

#[tokio::test]
async fn a_value_of_a_workbook_is_what_its_cell_says() {
    check(
        "people.xlsx",
        json!({}),
        &[
            r#"{"id":"007","phone":"+351936845354","born":"1990-02-28","seen":"2025-01-31T13:05:07","at":"08:30:00","lasts":"36:05:00","paid":12.5,"vip":true,"note":"é 日本 <&> \"q\""}"#,
            r#"{"id":42,"phone":null,"born":null,"seen":"2025-01-31T00:00:00","at":null,"lasts":null,"paid":100,"vip":false,"note":null}"#,
            r#"{"id":"11","phone":null,"born":null,"seen":null,"at":null,"lasts":null,"paid":0.1,"vip":null,"note":"last"}"#,
            "people.xlsx, row 4: G4 holds the error #DIV/0!",
            "people.xlsx, row 5: G5 holds a formula whose value was never computed; open the file in a spreadsheet program and save it",
            "people.xlsx, row 6: J6 has a value, but its column has no name in row 1",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_sheet_has_a_name_and_a_row_that_names_its_columns() {
    let report = [
        r#"{"region":"North","month":"2025-01-01","sum":10}"#,
        r#"{"region":null,"month":"2025-02-01","sum":20}"#,
    ];
    check("people.xlsx", json!({"sheet": "Q1 report", "headerRow": 3}), &report).await;
    check("people.xlsx", json!({"sheet": 2, "headerRow": 3}), &report).await;
    check("mac.xlsx", json!({}), &[r#"{"day":"2025-10-13"}"#]).await;
    check("mac.xlsx", json!({"columns": ["x"]}), &[r#"{"x":"day"}"#, r#"{"x":"2025-10-13"}"#]).await;
    let people = made("people.xlsx");
    for (members, expected) in [
        (json!({"sheet": "Q2"}), "x.xlsx: it has no sheet `Q2`; it has `People`, `Q1 report`, `Empty`"),
        (json!({"sheet": 4}), "x.xlsx: it has no sheet 4; it has `People`, `Q1 report`, `Empty`"),
        (
            json!({"sheet": "Empty"}),
            "x.xlsx: the sheet `Empty` is empty: it lacks even the row that names its columns; name them with `columns` \
             where no sheet has that row",
        ),
        (
            json!({"sheet": 2, "headerRow": 9}),
            "x.xlsx: row 9 of the sheet `Q1 report`, which is to name its columns, is empty",
        ),
    ] {
        check_error("x.xlsx", &people, members, expected).await;
    }
}

#[tokio::test]
async fn a_workbook_that_cannot_be_read_says_why() {
    let people = made("people.xlsx");
    let encrypted = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
    check_error("x.xlsx", b"", json!({}), "x.xlsx: it is no XLSX: it does not begin like one").await;
    check_error("x.xlsx", b"id,n\n1,2\n", json!({}), "x.xlsx: it is no XLSX: it does not begin like one")
        .await;
    check_error(
        "x.xlsx",
        encrypted,
        json!({}),
        "x.xlsx: it is encrypted with a password, or an XLS of before 2007; save it as XLSX without a password",
    )
    .await;
    let cut = &people[..people.len() / 2];
    let root = directory(&[("x.xlsx", cut)]);
    let error = read_all(&*open(root.path(), &json!({"path": "x.xlsx"}))).await.unwrap_err().to_string();
    assert!(error.starts_with("x.xlsx: it is damaged or cut off: "), "{error}");
    let mut bomb = Vec::new();
    GzDecoder::new(&*made("bomb.xlsx.gz")).read_to_end(&mut bomb).unwrap();
    check_error(
        "x.xlsx",
        &bomb,
        json!({}),
        "x.xlsx: its sheets and texts come to more than 256 MB; save the sheet as CSV, which has no such limit",
    )
    .await;
}

#[tokio::test]
async fn a_value_of_parquet_keeps_its_type() {
    check(
        "types.parquet",
        json!({}),
        &[
            r#"{"id":"007","kind":"a","tiny":-128,"big":-9223372036854775808,"huge":0,"medium":0,"price":-0.05,"small_price":1.50,"f32":0.1,"f64":0.1,"yes":true,"day":"1969-12-31","ms":"2025-01-31T13:05:07.123","us":"2025-01-31T13:05:07.123456Z","ns":"2025-01-31T13:05:07.123456789Z","local_ns":"2025-01-31T13:05:07.123456789","time_ms":"12:34:56","time_us":"12:34:56.000001","time_ns":"12:34:56.000000001","raw":"AP8=","uuid":"00000000-0000-0000-0000-000000000001","tags":["x",null],"days":["2025-01-01"],"address":{"city":"Porto","since":"1970-01-01T00:00:00.001"},"lines":[{"n":1,"sub":[1,2]}],"map":{"a":1,"b":null}}"#,
            r#"{"id":"9007199254740993","kind":null,"tiny":null,"big":null,"huge":null,"medium":null,"price":null,"small_price":null,"f32":null,"f64":null,"yes":null,"day":null,"ms":null,"us":null,"ns":null,"local_ns":null,"time_ms":null,"time_us":null,"time_ns":null,"raw":null,"uuid":null,"tags":null,"days":null,"address":null,"lines":null,"map":null}"#,
            r#"{"id":"","kind":"a","tiny":127,"big":9223372036854775807,"huge":18446744073709551615,"medium":4294967295,"price":12345678901234567890123456.78,"small_price":-7.00,"f32":"NaN","f64":"-Infinity","yes":false,"day":"2025-02-28","ms":"1969-12-31T23:59:59.999","us":"1969-12-31T23:59:59.999999Z","ns":"1969-12-31T23:59:59.999999999Z","local_ns":"1969-12-31T23:59:59.999999999","time_ms":"00:00:00.001","time_us":"00:00:00.000001","time_ns":"00:00:00.000000001","raw":"","uuid":"00000000-0000-0000-0000-000000000002","tags":[],"days":[],"address":{"city":null,"since":null},"lines":[],"map":{}}"#,
        ],
    )
    .await;
}

#[tokio::test]
async fn parquet_of_several_writers_and_codecs() {
    let three = [r#"{"n":0,"t":"t0"}"#, r#"{"n":1,"t":"t1"}"#, r#"{"n":2,"t":"t2"}"#];
    for name in ["none", "gzip", "zstd", "lz4", "old", "pages2"] {
        check(&format!("{name}.parquet"), json!({}), &three).await;
    }
    for (name, expected) in [
        (
            "int96",
            "x.parquet: the column `at` has the type INT96, which is obsolete; write it as a TIMESTAMP (Spark: \
             spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS)",
        ),
        (
            "brotli",
            "x.parquet: row group 1 is compressed in a way that is not read (brotli); snappy, gzip, zstd and lz4 are",
        ),
    ] {
        check_error("x.parquet", &made(&format!("{name}.parquet")), json!({}), expected).await;
    }
}

#[tokio::test]
async fn parquet_that_cannot_be_read_says_why() {
    let good = made("snappy.parquet");
    let cut = &good[..good.len() - 5];
    let middle = [&good[..9_000], &vec![0xAA; 400], &good[9_400..]].concat();
    for (bytes, expected) in [
        (&b""[..], "x.parquet: it is no Parquet file: it does not begin like one"),
        (b"id,n\n", "x.parquet: it is no Parquet file: it does not begin like one"),
        (b"PARE....PARE", "x.parquet: it is encrypted, which is not read; write it without encryption"),
        (cut, "x.parquet: it is cut off: it does not end as a Parquet file does"),
        (
            &middle,
            "x.parquet: row group 2 cannot be read, it is damaged or of an unknown form: External: snappy: corrupt input \
             (expected valid offset but got offset 43690; dst position: 6952)",
        ),
    ] {
        check_error("x.parquet", bytes, json!({}), expected).await;
    }
}

/// Any page may be the one at which a kill ended the reading.
#[tokio::test]
async fn a_reading_goes_on_at_any_page_of_a_table() {
    for (name, size) in [("snappy.parquet", 700), ("people.xlsx", 2)] {
        let root = directory(&[(name, &made(name))]);
        let source = open(root.path(), &json!({"path": name}));
        let read = |page| Read { page, page_size: Some(size), ..Read::default() };
        let whole = read_pages(&*source, read(None)).await.unwrap();
        let (records, faults) = content(&whole);
        assert!(whole.len() > 2 && !records.is_empty());
        for at in 1..whole.len() {
            let rest = read_pages(&*source, read(whole[at - 1].next.clone())).await.unwrap();
            let all: Vec<Page> = whole[..at].iter().cloned().chain(rest).collect();
            assert_eq!(content(&all), (records.clone(), faults.clone()), "{name} from page {at}");
        }
    }
}

/// Whatever is damaged: there is an error or there are records, and no end of the program.
#[tokio::test]
async fn damage_is_an_error_and_no_panic() {
    let mut seed = 7_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for name in ["types.parquet", "people.xlsx", "zstd.parquet"] {
        let good = made(name);
        for _ in 0..60 {
            let mut bytes = good.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                bytes[at] = u8::try_from(random(256)).unwrap();
            }
            bytes.truncate(bytes.len() - random(3) * random(200));
            let root = directory(&[(name, &bytes)]);
            if let Err(error) = read_all(&*open(root.path(), &json!({"path": name}))).await {
                let error = error.to_string();
                assert!(error.contains(name) && !error.contains("interrupted"), "{error}");
            }
        }
    }
}
