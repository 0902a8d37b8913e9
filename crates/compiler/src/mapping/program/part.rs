//! What a record mentions that is but a part: a member that is null or no object says that there is nothing below it. Decides
//! nothing about fields.

use std::borrow::Cow;
use std::collections::BTreeMap;

use raccord_model::field_path::Step;
use raccord_model::port::records::Record;
use serde_json::value::RawValue;

use super::{Input, PageMapper};

/// The JSON of a record; nothing of a row of texts, which has no members.
pub(super) fn text(record: Record<'_>) -> &[u8] {
    record.raw().unwrap_or_default()
}

impl PageMapper<'_> {
    /// Whether a part of a record mentions all that an input needs.
    pub(super) fn mentions(&self, part: &[u8], input: &Input) -> bool {
        match input {
            Input::Expression(_, inputs) => inputs.iter().all(|input| self.mentions(part, input)),
            Input::Slot(slot) => {
                let path = self.program.paths.get(*slot);
                self.has(*slot) || path.is_some_and(|path| ends_above(part, &path.0))
            }
            Input::Parent(_) | Input::Constant(_) => !self.is_missing(input),
        }
    }
}

/// Whether a path ends above its last step, at something that has nothing below: `null`, a scalar, a list that is shorter. Where an
/// object lacks the next member, or the text is not JSON, it does not.
fn ends_above(json: &[u8], steps: &[Step]) -> bool {
    serde_json::from_slice(json).is_ok_and(|value| ends_in(value, steps))
}

fn ends_in(value: &RawValue, steps: &[Step]) -> bool {
    let Some((step, below)) = steps.split_first() else { return false };
    match step {
        Step::Member(name) => serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(value.get())
            .map_or(true, |members| members.get(name.as_str()).is_some_and(|value| ends_in(value, below))),
        Step::Element(at) => serde_json::from_str::<Vec<&RawValue>>(value.get())
            .map_or(true, |list| list.get(*at).is_none_or(|value| ends_in(value, below))),
    }
}

#[cfg(test)]
mod tests {
    use raccord_model::field_path::FieldPath;

    use super::*;

    #[test]
    fn a_path_ends_above_where_nothing_can_be_below() {
        for (json, path, expected) in [
            (r#"{"a": null}"#, "a.b", true),
            (r#"{"a": null}"#, "a.b.c", true),
            (r#"{"a": {"b": null}}"#, "a.b.c", true),
            (r#"{"a": ""}"#, "a.b", true),
            (r#"{"a": []}"#, "a[0].b", true),
            (r#"{"a": [{"b": null}]}"#, "a[0].b.c", true),
            (r#"{"a": {}}"#, "a.b", false),
            (r#"{"a": {"b": null}}"#, "a.b", false),
            (r#"{"a": [{}]}"#, "a[0].b", false),
            (r#"{"a\u0062": null, "x": 1e999}"#, "ab.c", true),
            ("{}", "a.b", false),
            ("nonsense", "a.b", false),
        ] {
            let path: FieldPath = path.parse().unwrap();
            assert_eq!(ends_above(json.as_bytes(), &path.0), expected, "{json} {path}");
        }
    }
}
