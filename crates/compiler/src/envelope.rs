//! Where an answer holds a list of records, for users who do not know the service yet, and whether it says that there is more.
//! A run takes the path that the configuration says and never follows another: what is found here is told.

use std::collections::BTreeMap;

use raccord_model::field_path::{FieldPath, Step};
use raccord_model::suggest;
use serde_json::Value;
use serde_json::value::RawValue;

/// How deep into an answer lists are looked for.
const DEPTH: usize = 3;

/// The lists of objects in an answer, the longest first, with their lengths.
pub fn lists(body: &[u8]) -> Vec<(FieldPath, usize)> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice(body) {
        walk(&value, &mut FieldPath::default(), &mut found);
    }
    found.sort_by(|(one, length), (other, longer)| longer.cmp(length).then_with(|| one.cmp(other)));
    found
}

/// What `records` should say; nothing when the document has no list of objects, or has it where it was looked for. `what` names
/// the document: an answer, a file.
pub fn advice(what: &str, body: &[u8], looked_at: &FieldPath) -> Option<String> {
    let lists = lists(body);
    if lists.iter().any(|(path, _)| path == looked_at) {
        return None;
    }
    let (path, length) = lists.first()?;
    let objects = if *length == 1 { "1 object".to_owned() } else { format!("{length} objects") };
    Some(format!("the {what} has a list of {objects} at `{path}`: write `records: {path}`"))
}

/// Flags by which services say that there is more, without case and underscores: those that are true then.
const FLAGS: [&str; 10] = [
    "exceededtransferlimit",
    "hasmore",
    "hasmoreitems",
    "hasnext",
    "hasnextpage",
    "incompleteresults",
    "istruncated",
    "moreitemsincollection",
    "morerecords",
    "timedout",
];
/// Those that are false then.
const ENDS: [&str; 4] = ["done", "islast", "islastpage", "last"];
/// Members that hold the URL of a next page, written likewise.
const LINKS: [&str; 7] =
    ["next", "nexturl", "nextlink", "nextpage", "nextpageurl", "@odata.nextlink", "nextrecordsurl"];
/// Members of an object in such a place that lead to the next page.
const INNER: [&str; 5] = ["href", "url", "link", "after", "starting_after"];
/// Members that hold a token for the next page, and nothing on the last one.
const TOKENS: [&str; 7] = [
    "continuationtoken",
    "nextcursor",
    "nextmarker",
    "nextpagecursor",
    "nextpagetoken",
    "nexttoken",
    "offset",
];

/// Members that hold how many records there are in all pages, written likewise.
const TOTALS: [&str; 10] = [
    "@odata.count",
    "hydra:totalitems",
    "total",
    "totalcount",
    "totalresults",
    "totalitems",
    "totalrecords",
    "totalelements",
    "totalhits",
    "recordstotal",
];
/// Members that hold how many pages there are, written likewise.
const PAGES: [&str; 3] = ["totalpages", "pagecount", "lastpage"];

/// How deep into an answer what says that there is more is looked for.
const BESIDE: usize = 2;

/// What says in an answer, beside its lists, that there is more than it holds: half a sentence. Lists are not looked into.
pub fn says_more(body: &[u8]) -> Option<String> {
    let looking = Looking { levels: BESIDE, count: None, leads: true };
    looking.at(serde_json::from_slice(body).ok()?, &mut FieldPath::default())
}

/// The same of an answer whose list of records stands at a path, when so many records came: beside the list too, and by how
/// many there are in all.
pub fn left_over(body: &[u8], records: &FieldPath, count: u64) -> Option<String> {
    Looking { levels: BESIDE, count: Some(count), leads: true }.along(body, records)
}

/// The same of the last answer of several, whatever in it may lead to one more page: by flags and by how many there are in all.
pub fn falls_short(body: &[u8], records: &FieldPath, count: u64) -> Option<String> {
    Looking { levels: BESIDE, count: Some(count), leads: false }.along(body, records)
}

fn members(text: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(text.get()).ok()
}

/// What says that there is more, and where.
#[derive(Clone, Copy)]
struct Looking {
    /// How many objects deep, the first included.
    levels: usize,
    /// How many records came, where totals are looked at.
    count: Option<u64>,
    /// Whether what leads to a next page is looked at, and how many pages there are.
    leads: bool,
}

impl Looking {
    /// Looks beside the list at a path, and in each object on the way to it.
    fn along(self, body: &[u8], records: &FieldPath) -> Option<String> {
        let mut at: &RawValue = serde_json::from_slice(body).ok()?;
        let mut path = FieldPath::default();
        for step in &records.0 {
            if let Some(said) = self.at(at, &mut path) {
                return Some(said);
            }
            let Step::Member(name) = step else { return None };
            at = members(at)?.remove(name)?;
            path.0.push(step.clone());
        }
        None
    }

    fn at(self, text: &RawValue, path: &mut FieldPath) -> Option<String> {
        // What is no object is not looked at any closer.
        for (name, raw) in members(text)? {
            let plain = name.to_lowercase().replace(['_', '-'], "");
            path.0.push(Step::Member(name));
            let said = self.member(&plain, raw, path);
            path.0.pop();
            if said.is_some() {
                return said;
            }
        }
        None
    }

    fn member(self, plain: &str, raw: &RawValue, path: &mut FieldPath) -> Option<String> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b't') => FLAGS.contains(&plain).then(|| format!("`{path}` is true")),
            Some(b'f') => ENDS.contains(&plain).then(|| format!("`{path}` is false")),
            Some(b'"') if !self.leads => None,
            Some(b'"') if LINKS.contains(&plain) && is_url(text) => Some(leads_on(path)),
            Some(b'"') => (TOKENS.contains(&plain) && is_token(text)).then(|| holds_token(path)),
            Some(b'{') if self.leads && LINKS.contains(&plain) => {
                let inner = members(raw)?;
                let inner = INNER.iter().filter_map(|name| inner.get(*name)).map(|raw| raw.get());
                let mut found = inner.filter(|text| is_token(text));
                found.next().map(|text| if is_url(text) { leads_on(path) } else { holds_token(path) })
            }
            Some(b'{') if self.levels > 1 => Self { levels: self.levels - 1, ..self }.at(raw, path),
            Some(b'0'..=b'9') => {
                let (number, count) = (text.parse::<u64>().ok()?, self.count?);
                if TOTALS.contains(&plain) && number > count {
                    let came = if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
                    return Some(format!("`{path}` is {number}, and {came} came"));
                }
                (self.leads && PAGES.contains(&plain) && number > 1).then(|| format!("`{path}` is {number}"))
            }
            _ => None,
        }
    }
}

fn holds_token(path: &FieldPath) -> String {
    format!("`{path}` holds what leads to a next page")
}

fn leads_on(path: &FieldPath) -> String {
    format!("`{path}` holds the URL of a next page")
}

/// Whether a text of JSON may be a token: it is neither empty nor a number, such as the position of the page itself.
fn is_token(text: &str) -> bool {
    let inner = text.trim_matches('"');
    text.starts_with('"') && !inner.is_empty() && inner.parse::<f64>().is_err()
}

/// Whether a text of JSON begins like a URL.
fn is_url(text: &str) -> bool {
    ["\"http://", "\"https://", "\"/"].iter().any(|begin| text.starts_with(begin))
}

/// The path that was probably meant by one that leads to nothing: beside it, with nearly the same name, and with a text, a number
/// or an object there.
pub fn meant(body: &[u8], path: &FieldPath) -> Option<FieldPath> {
    let (Step::Member(wrong), above) = path.0.split_last()? else { return None };
    let mut at: &RawValue = serde_json::from_slice(body).ok()?;
    for step in above {
        let Step::Member(name) = step else { return None };
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(at.get()).ok()?;
        at = members.get(name.as_str()).copied()?;
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(at.get()).ok()?;
    if members.contains_key(wrong.as_str()) {
        return None;
    }
    let holds = |raw: &RawValue| {
        let raw = raw.get();
        matches!(raw.as_bytes().first(), Some(b'"' | b'{' | b'0'..=b'9'))
            && !matches!(raw, "\"\"" | "{}" | "0")
    };
    let mut near = members.iter().filter(|(name, raw)| is_slip(wrong, name) && holds(raw));
    let (name, _) = near.next()?;
    let mut path = FieldPath(above.to_vec());
    path.0.push(Step::Member(name.clone()));
    Some(path)
}

/// Whether one name is the other with a slip of the hand: one letter, or another way to write the same words.
fn is_slip(wrong: &str, name: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let (wrong, name) = (plain(wrong), plain(name));
    let begins_alike = wrong.chars().next() == name.chars().next();
    begins_alike && wrong.len() >= 4 && suggest::distance(&wrong, &name) <= 1
}

fn walk(value: &Value, path: &mut FieldPath, found: &mut Vec<(FieldPath, usize)>) {
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            found.push((path.clone(), items.len()));
        }
        Value::Object(members) if path.0.len() < DEPTH => {
            for (name, member) in members {
                path.0.push(Step::Member(name.clone()));
                walk(member, path, found);
                path.0.pop();
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_that_there_is_more_is_found_beside_the_records() {
        for (body, expected) in [
            (r#"{"d":[],"has_more":true}"#, Some("`has_more` is true")),
            (r#"{"d":[],"pageInfo":{"hasNextPage":true}}"#, Some("`pageInfo.hasNextPage` is true")),
            (r#"{"links":{"next":"/p?2"}}"#, Some("`links.next` holds the URL of a next page")),
            (r#"{"next":"https://a.example/p?2"}"#, Some("`next` holds the URL of a next page")),
            (r#"{"has_more":false,"next":null,"links":{"next":""}}"#, None),
            (r#"{"next":"soon"}"#, None),
            (r#"{"d":[{"has_more":true}]}"#, None),
            (r#"{"_links":{"next":{"href":"/p?2"}}}"#, Some("`_links.next` holds the URL of a next page")),
            (r#"{"next":{"id":7}}"#, None),
            (
                r#"{"paging":{"next":{"after":"NTI1"}}}"#,
                Some("`paging.next` holds what leads to a next page"),
            ),
            (r#"{"nextPageToken":"CAUQAA"}"#, Some("`nextPageToken` holds what leads to a next page")),
            (
                r#"{"meta":{"next_cursor":"dXNlcjpX"}}"#,
                Some("`meta.next_cursor` holds what leads to a next page"),
            ),
            (r#"{"next_cursor":""}"#, None),
            (r#"{"next_cursor":null}"#, None),
            (r#"{"offset":"itrX/recY"}"#, Some("`offset` holds what leads to a next page")),
            (r#"{"offset":0}"#, None),
            (r#"{"offset":"100"}"#, None),
            (r#"{"done":false,"nextRecordsUrl":"/q/2"}"#, Some("`done` is false")),
            (r#"{"done":true}"#, None),
            (r#"{"last":false}"#, Some("`last` is false")),
            (r#"{"last":"/p?9"}"#, None),
            (r#"{"IsTruncated":true}"#, Some("`IsTruncated` is true")),
            // Of how many records is not said.
            (r#"{"d":[],"total":7}"#, None),
            (r#"[{"next":"/p"}]"#, None),
            ("no JSON", None),
        ] {
            assert_eq!(says_more(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn what_is_left_over_is_told_beside_the_list() {
        for (body, records, expected) in [
            (r#"{"d":[],"total":3}"#, "d", Some("`total` is 3, and 2 records came")),
            (r#"{"d":[],"total":2}"#, "d", None),
            (
                r#"{"d":[],"meta":{"total_count":9}}"#,
                "d",
                Some("`meta.total_count` is 9, and 2 records came"),
            ),
            (r#"{"d":[],"meta":{"lastPage":2}}"#, "d", Some("`meta.lastPage` is 2")),
            (r#"{"d":[],"meta":{"lastPage":1,"page":3}}"#, "d", None),
            (r#"{"d":[],"total":19.99}"#, "d", None),
            (r#"{"d":[],"total":"9"}"#, "d", None),
            (
                r#"{"data":{"all":{"nodes":[],"pageInfo":{"hasNextPage":true}}}}"#,
                "data.all.nodes",
                Some("`data.all.pageInfo.hasNextPage` is true"),
            ),
            (r#"{"data":{"all":{"nodes":[]},"other":{"deep":{"has_more":true}}}}"#, "data.all.nodes", None),
            (r#"[{"total":7}]"#, "$", None),
            ("no JSON", "d", None),
        ] {
            let found = left_over(body.as_bytes(), &records.parse().unwrap(), 2);
            assert_eq!(found.as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_path_that_leads_to_nothing_was_meant_for_its_neighbour() {
        for (body, path, expected) in [
            (r#"{"meta":{"cursor":"x"}}"#, "meta.cursr", Some("meta.cursor")),
            (r#"{"meta":{"nextCursor":7}}"#, "meta.next_cursor", Some("meta.nextCursor")),
            (r#"{"links":{"next":"/p"}}"#, "links.nextt", Some("links.next")),
            // The last page: what was meant holds nothing either.
            (r#"{"meta":{"cursor":null}}"#, "meta.cursr", None),
            (r#"{"meta":{"cursor":""}}"#, "meta.cursr", None),
            (r#"{"meta":{}}"#, "meta.cursr", None),
            ("{}", "meta.cursr", None),
            // Neighbours with other meanings.
            (r#"{"prev_cursor":"x","last":"/p","text":"x"}"#, "next_cursor", None),
            (r#"{"prev":"/p","last":"/p","text":"x"}"#, "next", None),
            (r#"{"lastCursor":"x"}"#, "nextCursor", None),
            (r#"{"cursor":"x","cursr":null}"#, "cursr", None),
        ] {
            let found = meant(body.as_bytes(), &path.parse().unwrap());
            assert_eq!(found.map(|path| path.to_string()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn the_list_of_an_envelope_is_found() {
        let check = |body: &str, looked_at: &str, expected: Option<&str>| {
            let advice = advice("answer", body.as_bytes(), &looked_at.parse().unwrap());
            assert_eq!(
                advice.as_deref().and_then(|said| said.rsplit('`').nth(1)),
                expected,
                "{body}: {advice:?}"
            );
        };
        let envelope = r#"{"data":[{"id":1},{"id":2}],"next":null,"total":2}"#;
        check(envelope, "$", Some("records: data"));
        check(envelope, "items", Some("records: data"));
        check(envelope, "data", None);
        check(r#"{"result":{"items":[{"id":1}]},"tags":["a"]}"#, "$", Some("records: result.items"));
        check(r#"{"few":[{"a":1}],"many":[{"a":1},{"a":2}]}"#, "$", Some("records: many"));
        check(r#"[{"id":1}]"#, "data", Some("records: $"));
        check(r#"{"id":1}"#, "$", None);
        check("no JSON", "$", None);
    }
}
