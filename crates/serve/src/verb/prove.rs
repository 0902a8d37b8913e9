//! What the first page of a data type proves: whether the records were found, whether there is a next page or why not,
//! whether the cursor's field and the keys are there. Pure; says nothing that one page cannot show.

use std::collections::BTreeSet;

use jiff::Timestamp;
use raccord_compiler::connector::reading::{Ahead, cut_off};
use raccord_compiler::connector::{FieldCursor, Stream, TokenCursor};
use raccord_compiler::select::{Found, Selector};
use raccord_model::Name;
use raccord_model::field_path::FieldPath;
use raccord_model::port::records::Page;

/// The key of a transfer that reads the data type: where its parts come from.
pub struct Key<'a> {
    /// The transfer.
    pub transfer: &'a Name,
    /// The paths; parts that no path leads to are left out.
    pub paths: Vec<&'a FieldPath>,
}

/// What is known of a data type once its first page is there, a sentence each.
pub fn findings(stream: &Stream, page: &Page, keys: &[Key<'_>], now: Timestamp) -> Vec<String> {
    let records: Vec<String> = page.records.iter().map(|record| record.to_json()).collect();
    let mut said = stream.remarks(page);
    said.extend(stream.token_cursor().map(|token| token_finding(token, page)));
    said.extend(page.cut.as_deref().map(|file| cut_off(file, 1)));
    if !page.faults.is_empty() {
        let faults = &page.faults;
        let first = faults.first().map(|fault| format!("{}: {}", fault.position, fault.reason));
        said.push(format!(
            "{} of what stands there are no records; {}",
            faults.len(),
            first.unwrap_or_default()
        ));
    }
    if records.is_empty() {
        said.push("there is no record that could show a key or a cursor".to_owned());
        return said;
    }
    said.extend(stream.field_cursor().map(|cursor| {
        let all = values(&records, &cursor.fields.iter().collect::<Vec<_>>());
        let first =
            |parts: &'_ Vec<Option<String>>| parts.iter().flatten().find(|raw| is_value(raw)).cloned();
        let can_be_read = |raw: &Option<String>| raw.as_ref().is_some_and(|raw| cursor.read(raw).is_some());
        let unread: Vec<_> = all.iter().map(first).filter(|raw| !can_be_read(raw)).collect();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match unread.first() {
            Some(example) => {
                let said = cursor.trouble(count(unread.len()), count(all.len()), example.as_deref());
                page.mask.as_ref().map_or(said.clone(), |mask| mask.apply(&said))
            }
            None => format!(
                "the incremental field `{}` can be read in each of {}",
                cursor.names(),
                looked_at(page, all.len())
            ),
        }
    }));
    said.extend(stream.field_cursor().and_then(|cursor| dated_ahead(cursor, &records, now)));
    said.extend(keys.iter().filter(|key| !key.paths.is_empty()).map(|key| key_finding(key, &records, page)));
    said
}

/// What is told of records that are dated in the future.
fn dated_ahead(cursor: &FieldCursor, records: &[String], now: Timestamp) -> Option<String> {
    let mut ahead = Ahead::default();
    for parts in values(records, &cursor.fields.iter().collect::<Vec<_>>()) {
        let first = parts.iter().flatten().find(|raw| is_value(raw));
        if let Some(value) = first.and_then(|raw| cursor.read(raw)) {
            ahead.take_in(cursor, &value, now);
        }
    }
    ahead.latest.map(|latest| cursor.ahead(ahead.records, &latest))
}

/// Whether the token is there from which a later reading goes on. Many services give it on their last page alone.
fn token_finding(token: &TokenCursor, page: &Page) -> String {
    let name = token.name();
    match (&page.token, &page.next) {
        (Some(_), _) => format!("the token `{name}` is there"),
        (None, Some(_)) => format!("the token `{name}` is not on the first page; the last one must have it"),
        (None, None) => {
            format!(
                "the token `{name}` is not there, and no page follows: no run would go on from where one ended"
            )
        }
    }
}

/// Whether the key is in every record, and each record has one of its own.
fn key_finding(key: &Key<'_>, records: &[String], page: &Page) -> String {
    let names = key.paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    let of = format!("the key {names} of the transfer `{}`", key.transfer);
    let all = values(records, &key.paths);
    let is_there = |value: &Option<String>| value.as_deref().is_some_and(is_value);
    let missing = all.iter().filter(|parts| !parts.iter().all(is_there)).count();
    if missing > 0 {
        return format!("{of} is missing in {missing} of {}", looked_at(page, records.len()));
    }
    let looked_at = looked_at(page, records.len());
    let distinct: BTreeSet<&Vec<Option<String>>> = all.iter().collect();
    match records.len() - distinct.len() {
        0 => format!("{of} is in each of {looked_at}, and no two have the same"),
        twice => format!("{of} is not unique: {twice} of {looked_at} have that of another"),
    }
}

/// The records that a finding is about, in words: those of the first page, after which others may come.
fn looked_at(page: &Page, count: usize) -> String {
    let first = if page.next.is_some() { "first " } else { "" };
    let records = if count == 1 { "record" } else { "records" };
    format!("the {first}{count} {records} looked at")
}

/// Whether raw JSON is something.
fn is_value(raw: &str) -> bool {
    !matches!(raw, "null" | "\"\"")
}

/// The raw JSON behind paths, record by record.
fn values(records: &[String], paths: &[&FieldPath]) -> Vec<Vec<Option<String>>> {
    let selector = Selector::new(paths.iter().copied());
    let of = |record: &String| {
        let mut found = Found::default();
        let read = selector.select(record.as_bytes(), &mut found);
        let mut values: Vec<Option<String>> = found.values.iter().map(|raw| raw.map(str::to_owned)).collect();
        if read.is_err() {
            values.clear();
        }
        values.resize(paths.len(), None);
        values
    };
    records.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use raccord_compiler::connector;
    use raccord_model::checkpoint::{PageToken, Token};
    use raccord_model::language::connector::{ConnectorSettings, HttpSettings};
    use raccord_model::port::records::{Page, Records};
    use serde_json::json;

    use super::*;

    /// The findings on a page that is a whole answer, whose records are these parts of it.
    #[track_caller]
    fn check(data_type: &serde_json::Value, body: &str, records: &[&str], expected: &[&str]) {
        let settings: HttpSettings = serde_json::from_value(json!({
            "baseUrl": "https://shop.example", "dataTypes": { "a": data_type },
        }))
        .unwrap();
        let (stream, findings_of_lowering) =
            connector::lower(&ConnectorSettings::from(settings), &"a".parse().unwrap());
        let stream = stream.unwrap_or_else(|| panic!("{findings_of_lowering:?}"));
        let at = |record: &&str| body.find(record).map(|at| at..at + record.len()).unwrap();
        let spans = records.iter().map(at).collect();
        let records = Records::Json { body: body.to_owned().into(), spans };
        let token = body.contains("token-1").then(|| Token::text("token-1").unwrap());
        let page = Page { records, token, ..Page::empty() };
        let (name, path) = ("people".parse().unwrap(), "id".parse().unwrap());
        let keys = [Key { transfer: &name, paths: vec![&path] }];
        let said = findings(&stream, &page, &keys, "2025-02-01T00:00:00Z".parse().unwrap()).join("\n");
        for part in expected {
            assert!(said.contains(part), "{part:?} is not in:\n{said}");
        }
    }

    #[test]
    fn a_page_shows_what_is_wrong() {
        let body = r#"{"data":[{"id":1,"at":"2024-01-01T00:00:00Z"},{"id":1,"at":"soon"}],"next":null}"#;
        let (one, two) = (r#"{"id":1,"at":"2024-01-01T00:00:00Z"}"#, r#"{"id":1,"at":"soon"}"#);
        check(
            &json!({ "records": "$" }),
            body,
            &[],
            &["write `records: data`", "no `pagination`", "no record that"],
        );
        check(
            &json!({ "records": "data", "pagination": { "nextUrl": "next" } }),
            body,
            &[one, two],
            &["`next` of the answer holds no URL", "not unique: 1 of the 2 records"],
        );
        check(
            &json!({ "records": "data", "pagination": { "link": "next" }, "incremental": { "field": "at", "param": "since" } }),
            body,
            &[one, two],
            &["the relation `next`", "`at` cannot be read in 1 of 2 records"],
        );
        let by_token = json!({ "records": "data", "incremental": { "token": "t", "param": "since" } });
        check(&by_token, body, &[one], &["the token `token: t` is not there, and no page follows"]);
        let with_token = r#"{"data":[{"id":1}],"t":"token-1"}"#;
        check(&by_token, with_token, &[r#"{"id":1}"#], &["the token `token: t` is there"]);
        check(
            &json!({ "records": "data" }),
            r#"{"data":[{"x":1}]}"#,
            &[r#"{"x":1}"#],
            &["is missing in 1 of the 1 record looked at"],
        );
    }

    #[test]
    fn a_finding_says_of_how_many_records_it_is_true() {
        let check = |records: &[&str], next: Option<&str>, expected: &str| {
            let page = Page { next: next.map(|token| PageToken(token.to_owned())), ..Page::empty() };
            let (name, path) = ("people".parse().unwrap(), "id".parse().unwrap());
            let key = Key { transfer: &name, paths: vec![&path] };
            let records: Vec<String> = records.iter().map(ToString::to_string).collect();
            let expected = format!("the key `id` of the transfer `people` {expected}");
            assert_eq!(key_finding(&key, &records, &page), expected);
        };
        let (one, two) = (r#"{"id":1}"#, r#"{"id":2}"#);
        check(&[one, two], None, "is in each of the 2 records looked at, and no two have the same");
        check(
            &[one, two],
            Some("2"),
            "is in each of the first 2 records looked at, and no two have the same",
        );
        check(&[one], Some("2"), "is in each of the first 1 record looked at, and no two have the same");
        check(&[one, one], None, "is not unique: 1 of the 2 records looked at have that of another");
        check(&[one, "{}"], Some("2"), "is missing in 1 of the first 2 records looked at");
    }
}
