//! What differs between two values, small enough for one line each: long lists and maps are taken apart into the
//! elements and members that were added, removed or changed; long texts are cut around their first difference.
//!
//! Two values that differ never become two equal texts, and nothing here knows which fields there are.

use std::collections::BTreeSet;

use serde_json::Value;

/// The longest value that is shown whole, in characters.
const LONGEST_VALUE: usize = 60;

/// How many characters are shown before the first difference of two long texts.
const CONTEXT: usize = 20;

/// The most pairs of elements that are compared to align two lists; longer ones are compared element by element.
const MOST_PAIRS: usize = 250_000;

/// One thing that differs: compact JSON, cut where it is long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where in the value: nothing for the whole of it, `[2].language` for a part. An element stands at its place
    /// in the newer list, one that was removed at its place in the older.
    pub(crate) place: String,
    /// What it was; `None` when it was not there.
    pub(crate) before: Option<String>,
    /// What it is; `None` when it is gone.
    pub(crate) after: Option<String>,
}

/// Everything that differs, in the order of the values.
pub(crate) fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(place: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    let texts = [before, after].map(|value| value.map(Value::to_string));
    let is_short = |text: &Option<String>| text.as_ref().is_none_or(|text| length(text) <= LONGEST_VALUE);
    if !texts.iter().all(is_short) {
        match (before, after) {
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                return elements(place, before, after, found);
            }
            (Some(Value::Array(before)), None) => return elements(place, before, &[], found),
            (None, Some(Value::Array(after))) => return elements(place, &[], after, found),
            (Some(Value::Object(_)), Some(Value::Object(_)) | None) | (None, Some(Value::Object(_))) => {
                return members(place, before, after, found);
            }
            _ => {}
        }
    }
    let [before, after] = texts;
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => {
            let start = first_difference(&before, &after).saturating_sub(CONTEXT);
            (Some(cut(&before, start)), Some(cut(&after, start)))
        }
        (before, after) => (before.map(|text| cut(&text, 0)), after.map(|text| cut(&text, 0))),
    };
    found.push(Difference { place: place.to_owned(), before, after });
}

fn members(place: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    let maps = [before, after].map(|value| value.and_then(Value::as_object));
    let names: BTreeSet<&String> = maps.iter().flatten().flat_map(|map| map.keys()).collect();
    for name in names {
        let [old, new] = maps.map(|map| map.and_then(|map| map.get(name)));
        compare(&format!("{place}.{name}"), old, new, found);
    }
}

/// What stands between two pairs of equal elements is compared in turn; the rest of it was removed or added.
fn elements(place: &str, before: &[Value], after: &[Value], found: &mut Vec<Difference>) {
    let (mut old, mut new) = (0, 0);
    let ends = std::iter::once((before.len(), after.len()));
    for (old_end, new_end) in equal_pairs(before, after).into_iter().chain(ends) {
        while old < old_end || new < new_end {
            let at = if new < new_end { new } else { old };
            let left = before.get(old).filter(|_| old < old_end);
            let right = after.get(new).filter(|_| new < new_end);
            compare(&format!("{place}[{at}]"), left, right, found);
            old += usize::from(left.is_some());
            new += usize::from(right.is_some());
        }
        (old, new) = (old_end + 1, new_end + 1);
    }
}

/// The places of equal elements, in the order of both lists: a longest common subsequence.
fn equal_pairs(before: &[Value], after: &[Value]) -> Vec<(usize, usize)> {
    let is_equal = |old: usize, new: usize| before.get(old) == after.get(new);
    let shortest = before.len().min(after.len());
    if before.len().saturating_mul(after.len()) > MOST_PAIRS {
        return (0..shortest).filter(|at| is_equal(*at, *at)).map(|at| (at, at)).collect();
    }
    // The length of the longest one from each pair of places on, the last row and column for the ends.
    let width = after.len() + 1;
    let mut longest = vec![0_usize; (before.len() + 1) * width];
    let from = |longest: &[usize], old: usize, new: usize| {
        longest.get(old * width + new).copied().unwrap_or_default()
    };
    for old in (0..before.len()).rev() {
        for new in (0..after.len()).rev() {
            let best = if is_equal(old, new) {
                from(&longest, old + 1, new + 1) + 1
            } else {
                from(&longest, old + 1, new).max(from(&longest, old, new + 1))
            };
            if let Some(cell) = longest.get_mut(old * width + new) {
                *cell = best;
            }
        }
    }
    let mut pairs = Vec::new();
    let (mut old, mut new) = (0, 0);
    while old < before.len() && new < after.len() {
        if is_equal(old, new) {
            pairs.push((old, new));
            (old, new) = (old + 1, new + 1);
        } else if from(&longest, old + 1, new) >= from(&longest, old, new + 1) {
            old += 1;
        } else {
            new += 1;
        }
    }
    pairs
}

/// How many characters two texts have in common from the beginning.
fn first_difference(before: &str, after: &str) -> usize {
    before.chars().zip(after.chars()).take_while(|(old, new)| old == new).count()
}

/// A text whole when it is short; otherwise from a character on, with `…` where something is left out.
fn cut(text: &str, start: usize) -> String {
    let start = if length(text) <= LONGEST_VALUE { 0 } else { start };
    let shown: String = text.chars().skip(start).take(LONGEST_VALUE).collect();
    let begin = if start > 0 { "…" } else { "" };
    let end = if start + length(&shown) < length(text) { "…" } else { "" };
    format!("{begin}{shown}{end}")
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: impl Into<Option<Value>>, after: impl Into<Option<Value>>, expected: &[&str]) {
        let (before, after) = (before.into(), after.into());
        let found = differences(before.as_ref(), after.as_ref());
        let lines: Vec<String> = found
            .iter()
            .map(|difference| {
                let side = |text: &Option<String>| text.clone().unwrap_or_default();
                format!("{}: {} → {}", difference.place, side(&difference.before), side(&difference.after))
            })
            .collect();
        assert_eq!(lines, expected);
        assert!(found.iter().all(|difference| difference.before != difference.after), "{found:?}");
    }

    fn alert(address: &str, language: &str) -> Value {
        json!({ "email": [address], "language": language, "subject": "what is wrong with the shop" })
    }

    #[test]
    fn short_values_stay_whole() {
        check(Some(json!("a")), Some(json!("b")), &[r#": "a" → "b""#]);
        check(Some(json!(["a"])), Some(json!(["a", "b"])), &[r#": ["a"] → ["a","b"]"#]);
        check(None, Some(json!(null)), &[":  → null"]);
        check(Some(json!(1)), Some(json!(1)), &[]);
    }

    #[test]
    fn long_lists_show_the_elements_that_differ() {
        let [one, two] = [alert("direction@example.com", "fr"), alert("ventes@example.com", "fr")];
        let both = json!([one, two]);
        check(
            Some(both.clone()),
            Some(json!([one, alert("ventes@example.com", "en")])),
            &[r#"[1].language: "fr" → "en""#],
        );
        check(
            Some(both.clone()),
            Some(json!([two])),
            &[
                r#"[0].email: ["direction@example.com"] → "#,
                r#"[0].language: "fr" → "#,
                r#"[0].subject: "what is wrong with the shop" → "#,
            ],
        );
        let long = "a list of words that is longer than what is shown of a value";
        check(Some(json!([long, "b", "c"])), Some(json!([long, "x", "b", "c"])), &[r#"[1]:  → "x""#]);
        check(
            Some(json!([long, "b", "c"])),
            Some(json!([long, "c", "b"])),
            &[r#"[1]: "b" → "#, r#"[2]:  → "b""#],
        );
    }

    #[test]
    fn lists_too_long_to_align_are_compared_element_by_element() {
        let before: Vec<usize> = (0..1_000).collect();
        let mut after = before.clone();
        after[700] = 7;
        after.push(1_000);
        check(Some(json!(before)), Some(json!(after)), &["[700]: 700 → 7", "[1000]:  → 1000"]);
    }

    #[test]
    fn long_maps_show_the_members_that_differ() {
        let long = "a text that is so long that it is never shown whole, not even here";
        check(
            Some(json!({ "same": long, "gone": 1, "other": { "deep": [1] } })),
            Some(json!({ "same": long, "new": 2, "other": { "deep": [2] } })),
            &[".gone: 1 → ", ".new:  → 2", r#".other: {"deep":[1]} → {"deep":[2]}"#],
        );
    }

    #[test]
    fn long_texts_are_cut_around_the_first_difference() {
        let begin = "0123456789".repeat(8);
        let end = "abcdefghij".repeat(8);
        check(
            Some(json!(format!("{begin}x{end}"))),
            Some(json!(format!("{begin}y{end}"))),
            &[": …01234567890123456789xabcdefghijabcdefghijabcdefghijabcdefghi… → \
                …01234567890123456789yabcdefghijabcdefghijabcdefghijabcdefghi…"],
        );
        check(
            Some(json!(begin)),
            Some(json!(format!("{begin}é"))),
            &[r#": …01234567890123456789" → …01234567890123456789é""#],
        );
    }
}
