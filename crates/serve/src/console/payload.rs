//! A foreign record for people: JSON on several lines with one place of it marked, anything else as it came; never more of it
//! than a page bears. Pure.

use maud::{Markup, html};
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::foreign;
use serde_json::Value;

/// The most of a record that is shown, in characters.
const MOST: usize = 20_000;

/// A record as it is shown.
pub(super) struct Shown {
    /// Its text.
    pub(super) text: Markup,
    /// Whether the place was found in it.
    pub(super) is_marked: bool,
    /// Whether it goes on.
    pub(super) is_cut: bool,
}

/// A record with what stands at a path of it marked.
pub(super) fn marked(record: &str, path: Option<&str>) -> Shown {
    let parsed = serde_json::from_str::<Value>(record).ok();
    let Some(value) = parsed.filter(|value| value.is_object() || value.is_array()) else {
        let (text, is_cut) = cut(record);
        return Shown { text: html! { (foreign::lines(text)) }, is_marked: false, is_cut };
    };
    let path = path.and_then(|path| path.parse::<FieldPath>().ok());
    let place = path.as_ref().map(|path| path.0.as_slice());
    let found = place.and_then(|steps| lines_of(&value, steps));
    let pretty = serde_json::to_string_pretty(&value).unwrap_or_default();
    let (text, is_cut) = cut(&pretty);
    let Some((first, last)) = found.filter(|(first, _)| *first < text.lines().count()) else {
        return Shown { text: html! { (foreign::lines(text)) }, is_marked: false, is_cut };
    };
    let part =
        |from: usize, count: usize| -> String { text.split_inclusive('\n').skip(from).take(count).collect() };
    let text = html! {
        (foreign::lines(&part(0, first)))
        mark { (foreign::lines(&part(first, last + 1 - first))) }
        (foreign::lines(&part(last + 1, usize::MAX)))
    };
    Shown { text, is_marked: true, is_cut }
}

/// What stands at a path of a record.
pub(super) fn at<'v>(record: &'v Value, path: &FieldPath) -> Option<&'v Value> {
    path.0.iter().try_fold(record, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Element(index) => value.get(index),
    })
}

fn cut(text: &str) -> (&str, bool) {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

/// The first and the last line on which stands what a path leads to, counted from 0, when a value is written on several lines.
fn lines_of(value: &Value, steps: &[Step]) -> Option<(usize, usize)> {
    let Some((step, rest)) = steps.split_first() else {
        return Some((0, height(value) - 1));
    };
    // The brace has a line of its own.
    let mut before = 1;
    let inner = match (value, step) {
        (Value::Object(members), Step::Member(name)) => {
            let (_, inner) = members.iter().find(|(known, value)| {
                let is_it = *known == name;
                before += if is_it { 0 } else { height(value) };
                is_it
            })?;
            inner
        }
        (Value::Array(items), Step::Element(index)) => {
            before += items.iter().take(*index).map(height).sum::<usize>();
            items.get(*index)?
        }
        _ => return None,
    };
    lines_of(inner, rest).map(|(first, last)| (first + before, last + before))
}

/// How many lines a value takes.
fn height(value: &Value) -> usize {
    match value {
        Value::Object(members) if !members.is_empty() => 2 + members.values().map(height).sum::<usize>(),
        Value::Array(items) if !items.is_empty() => 2 + items.iter().map(height).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_leads_to_is_marked() {
        let check = |record: &str, path: &str, expected: Option<&str>| {
            let shown = marked(record, Some(path));
            let text = shown.text.into_string();
            let mark = text.split_once("<mark>").and_then(|(_, rest)| rest.split_once("</mark>"));
            assert_eq!(
                mark.map(|(mark, _)| mark.trim().trim_end_matches(',')),
                expected,
                "{record} {path}: {text}"
            );
            assert_eq!(shown.is_marked, expected.is_some());
        };
        check(r#"{"id":1,"email":"a"}"#, "email", Some("&quot;email&quot;: &quot;a&quot;"));
        check(r#"{"id":{"a":[1,2],"b":3},"email":"a"}"#, "id.b", Some("&quot;b&quot;: 3"));
        check(r#"{"tags":[[],{"x":1},"y"]}"#, "tags[2]", Some("&quot;y&quot;"));
        check(r#"{"tags":[[],{"x":1},"y"]}"#, "tags[1].x", Some("&quot;x&quot;: 1"));
        check(r#"{"id":1}"#, "email", None);
        check("no json", "email", None);
        check(r#""text""#, "$", None);
    }

    #[test]
    fn hostile_records_are_text_and_never_too_long() {
        let check = |record: &str, needle: &str| {
            let shown = marked(record, Some("a"));
            let text = shown.text.into_string();
            assert!(
                !text.contains("<script") && !text.contains('\u{1b}') && !text.contains('\u{202e}'),
                "{text}"
            );
            assert!(text.contains(needle), "{text}");
        };
        check(r#"{"a":"<script>alert(1)</script>\u001b[2J"}"#, "&lt;script&gt;");
        check("<script>\u{1b}[2J\u{202e}", "&lt;script&gt;");
        let long = marked(&format!(r#"{{"b":"{}","z":1}}"#, "x".repeat(1_000_000)), Some("z"));
        assert!(long.is_cut && !long.is_marked);
        assert_eq!(long.text.into_string().replace("&quot;", "'").len(), MOST);
    }
}
