//! `{{ since }}` in a query, a header or a path: from where on records are wanted, for services that take it among
//! other text (`filter=updated ge {{ since }}`).
//!
//! Without a value, which a reading of everything has not, a parameter or header that takes it is left out.

use std::borrow::Cow;

/// A text with the value in its place; `None` when it takes one and there is none.
pub fn fill<'t>(text: &'t str, since: Option<&str>) -> Option<Cow<'t, str>> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = split(rest) {
        filled.push_str(before);
        filled.push_str(since?);
        rest = after;
    }
    if rest.len() == text.len() {
        return Some(Cow::Borrowed(text));
    }
    filled.push_str(rest);
    Some(Cow::Owned(filled))
}

/// Whether a text takes the value.
pub(super) fn takes(text: &str) -> bool {
    split(text).is_some()
}

/// What stands before and after the next `{{ since }}`.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    text.match_indices("{{").find_map(|(at, _)| {
        let (name, after) = text.get(at + 2..)?.split_once("}}")?;
        (name.trim() == "since").then_some((text.get(..at)?, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_stands_where_it_is_taken() {
        let filter = "updated ge {{ since }} or created ge {{since}}";
        for (text, since, expected) in [
            (filter, Some("7"), Some("updated ge 7 or created ge 7")),
            (filter, None, None),
            ("all {{ sinc }} {{", Some("7"), Some("all {{ sinc }} {{")),
            ("{{ {{ since }}", Some("7"), Some("{{ 7")),
            ("", None, Some("")),
        ] {
            assert_eq!(fill(text, since).as_deref(), expected, "{text}");
        }
    }
}
