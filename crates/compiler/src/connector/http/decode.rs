//! Lowers `decode`: an answer that is no JSON document has records and nothing else, so what is looked for beside them must
//! stand in a header or in the records themselves.

use raccord_model::language::connector::http::{HttpDataType, Pagination, RecordsPlace};
use raccord_model::language::connector::{Decode, LastLineEnd, RecordFormat};

use crate::connector::decode::{CsvForm, Decoder, check_csv, lower_csv};
use crate::connector::findings::Findings;
use crate::connector::records::Extractor;

/// How the answers become records; none where they are JSON documents, or where there is a finding that says why.
pub(super) fn lower(data_type: &HttpDataType, findings: &mut Findings) -> Option<Decoder> {
    let Decode { format, delimiter, columns, comment, missing_cells } = &data_type.decode;
    let form = CsvForm {
        delimiter: *delimiter,
        usual_delimiter: ',',
        columns,
        comment: *comment,
        missing_cells: *missing_cells,
    };
    check_csv(&form, *format, &["decode"], findings);
    let name = match format {
        RecordFormat::Json => return None,
        RecordFormat::Jsonl => "jsonl",
        RecordFormat::Csv => "csv",
        RecordFormat::Xlsx | RecordFormat::Parquet => {
            let message = "answers are read as json, jsonl or csv; xlsx and parquet are formats of files";
            findings.invalid(&["decode", "format"], message);
            return None;
        }
    };
    check_companions(data_type, name, findings);
    let bytes = lower_csv(&form, &["decode"], findings)?;
    Some(Decoder {
        format: *format,
        encoding: encoding_rs::UTF_8,
        delimiter: bytes.delimiter,
        columns: columns.clone(),
        comment: bytes.comment,
        missing_cells: *missing_cells,
        // That an answer is whole, HTTP says.
        last_line_end: LastLineEnd::Optional,
        sheet: None,
        header_row: None,
        extractor: Extractor::of(&RecordsPlace::default()),
    })
}

/// The media types that are asked for, unless the settings name a header `Accept`; none for JSON, which is asked for anyhow.
pub(super) const fn accepted(format: RecordFormat) -> Option<&'static str> {
    match format {
        RecordFormat::Json | RecordFormat::Xlsx | RecordFormat::Parquet => None,
        RecordFormat::Jsonl => Some("application/x-ndjson, application/jsonl, */*;q=0.5"),
        RecordFormat::Csv => Some("text/csv, */*;q=0.5"),
    }
}

/// What is looked for in a JSON document alone.
fn check_companions(data_type: &HttpDataType, format: &str, findings: &mut Findings) {
    if data_type.records != RecordsPlace::default() {
        findings.conflict(&["records"], "`records` goes with `decode: json` alone");
    }
    if data_type.errors.is_some() {
        findings
            .conflict(&["errors"], format!("an answer in {format} has no member that could hold an error"));
    }
    let token = data_type.incremental.as_ref().and_then(|incremental| incremental.token.as_ref());
    if token.is_some_and(|token| token.body.is_some() || token.url.is_some()) {
        let message = format!("an answer in {format} has no member that could hold a token; name a header");
        findings.conflict(&["incremental", "token"], message);
    }
    let Some(pagination) = &data_type.pagination else { return };
    for member in members_of_body(pagination) {
        let message = format!("an answer in {format} has no member that this path could lead to");
        findings.conflict(&["pagination", member], message);
    }
}

/// The parts of a pagination that are looked for in the body, outside of the records.
fn members_of_body(pagination: &Pagination) -> impl Iterator<Item = &'static str> {
    let Pagination { next_url, cursor, while_true, until, total, pages, complete, .. } = pagination;
    let members = [
        ("nextUrl", next_url.as_ref().is_some_and(|place| place.body.is_some())),
        ("cursor", cursor.as_ref().is_some_and(|place| place.body.is_some())),
        ("while", while_true.is_some()),
        ("until", until.is_some()),
        ("total", total.as_ref().is_some_and(|place| place.path().is_some())),
        ("pages", pages.as_ref().is_some_and(|place| place.body.is_some())),
        ("complete", complete.is_some()),
    ];
    members.into_iter().filter(|(_, is_there)| *is_there).map(|(member, _)| member)
}

#[cfg(test)]
mod tests {
    use raccord_model::language::connector::RecordFormat::{Csv, Jsonl};
    use serde_json::{Value, json};

    use crate::connector::tests::{check_data_type, http};
    use crate::connector::{HttpStream, lower};

    #[test]
    fn an_answer_that_is_no_json_has_records_alone() {
        let lower_to = |decode: Value| {
            let settings =
                http(json!({"baseUrl": "https://api.example", "dataTypes": {"a": {"decode": decode}}}));
            let stream = lower(&settings, &"a".parse().unwrap()).0.unwrap();
            let decoder = stream.get::<HttpStream>().unwrap().decoder.clone();
            (decoder.map(|decoder| (decoder.format, decoder.delimiter)), stream.has_texts_alone())
        };
        assert_eq!(lower_to(json!("json")), (None, false));
        assert_eq!(lower_to(json!("jsonl")), (Some((Jsonl, b',')), false));
        assert_eq!(lower_to(json!("csv")), (Some((Csv, b',')), true));
        assert_eq!(lower_to(json!({"format": "csv", "delimiter": "\t"})), (Some((Csv, b'\t')), true));
        for (data_type, expected) in [
            (json!({"decode": "csv", "records": "data"}), &[".records conflicting-fields"][..]),
            (
                json!({"decode": "jsonl", "records": {"path": "$", "missing": "empty"}}),
                &[".records conflicting-fields"],
            ),
            (json!({"decode": "csv", "errors": "error"}), &[".errors conflicting-fields"]),
            (
                json!({"decode": {"format": "json", "delimiter": ";"}}),
                &[".decode.delimiter conflicting-fields"],
            ),
            (
                json!({"decode": {"format": "jsonl", "columns": ["a"]}}),
                &[".decode.columns conflicting-fields"],
            ),
            (json!({"decode": {"format": "csv", "delimiter": "\""}}), &[".decode.delimiter invalid-value"]),
            (json!({"decode": {"format": "csv", "comment": ","}}), &[".decode.comment invalid-value"]),
            (
                json!({"decode": {"format": "csv", "columns": ["a", "a"]}}),
                &[".decode.columns.1 invalid-value"],
            ),
            (
                json!({"decode": "csv", "pagination": {"nextUrl": "next"}}),
                &[".pagination.nextUrl conflicting-fields"],
            ),
            (
                json!({"decode": "csv", "pagination": {"page": "p", "total": "n", "while": "more"}}),
                &[".pagination.while conflicting-fields", ".pagination.total conflicting-fields"],
            ),
            (
                json!({"decode": "jsonl", "incremental": {"token": "t", "param": "since"}}),
                &[".incremental.token conflicting-fields"],
            ),
            (json!({"decode": "csv", "pagination": {"page": "p", "total": {"header": "X-Total"}}}), &[]),
            (json!({"decode": "csv", "pagination": {"page": "p", "total": "none"}}), &[]),
            (
                json!({"decode": "jsonl", "pagination": {"cursor": {"lastRecord": "id"}, "param": "after"}}),
                &[],
            ),
            (json!({"decode": "csv", "incremental": {"token": {"header": "X-Sync"}, "param": "since"}}), &[]),
        ] {
            check_data_type(&data_type, expected);
        }
    }
}
