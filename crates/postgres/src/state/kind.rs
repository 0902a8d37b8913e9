//! What the tables of facts are called in the database, and which texts begin with a prefix.

use raccord_model::port::state::Table;

/// The word of a table. Never changed, for it is in databases.
pub(crate) const fn word(table: Table) -> &'static str {
    match table {
        Table::Generations => "generations",
        Table::Transfers => "transfers",
        Table::Entities => "entities",
        Table::Integrations => "integrations",
        Table::Runs => "runs",
        Table::Steps => "steps",
        Table::Outbox => "outbox",
        Table::Tokens => "tokens",
        Table::Sessions => "sessions",
        Table::Audit => "audit",
        Table::Webhooks => "webhooks",
        Table::Told => "told",
    }
}

/// The first text after all that begin with a prefix, in the order of bytes; none when nothing comes after them.
pub(crate) fn after_all(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The code points between these are no characters.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_prefix() {
        for (prefix, expected) in [
            ("", None),
            ("a", Some("b")),
            ("a/", Some("a0")),
            ("é", Some("ê")),
            ("a\u{D7FF}", Some("a\u{E000}")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{10FFFF}", None),
        ] {
            assert_eq!(after_all(prefix).as_deref(), expected, "{prefix:?}");
        }
    }
}
