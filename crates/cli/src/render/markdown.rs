//! A plan as a comment on a pull request. GitHub takes 65,536 characters; a plan that is longer is cut to its
//! summary, and says so.
//!
//! What the configuration says is never markup: values and paths stand in code, sentences are escaped.

use std::fmt::Write as _;

use raccord_model::foreign;
use raccord_model::plan::Consequence;
use raccord_serve::plan::{Change, Plan};

use super::plan::{field_differences, headline, note_text, sentence};
use super::{grouped, tables};

/// The most characters of a comment.
const LIMIT: usize = 65_000;

/// The room kept for what stands after the changes.
const TAIL: usize = 2_000;

/// The plan as Markdown, always shorter than [`LIMIT`].
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = format!("### {}\n", prose(&headline(plan)));
    let tail = tail(plan);
    let mut shown = 0;
    for change in &plan.changes {
        let part = change_text(change);
        if text.chars().count() + part.chars().count() + tail.chars().count() + TAIL > LIMIT {
            break;
        }
        text.push_str(&part);
        shown += 1;
    }
    if shown < plan.changes.len() {
        let more = plan.changes.len() - shown;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n… and {} more changes; `raccord plan` shows all of them.", grouped(more));
    }
    text.push_str(&tail);
    text
}

/// Consequences, notes and refusals, as many as have room.
fn tail(plan: &Plan) -> String {
    let effects = plan.effects.iter().map(|effect| format!("- {}\n", prose(&sentence(effect))));
    let refusals = plan.refusals.iter().map(|refusal| {
        let flag = refusal.flag().map(|flag| format!("; `{flag}` allows it")).unwrap_or_default();
        format!("- **refused**: {}{flag}\n", prose(&refusal.to_string()))
    });
    let notes = plan.notes.iter().map(note_text).chain(tables::notes(plan));
    let notes = notes.map(|note| format!("- {}\n", prose(&note)));
    let statements = plan.tables.iter().flat_map(|table| &table.statements);
    let statements = statements.map(|statement| format!("- {}\n", code(statement)));
    let mut text = String::new();
    for (title, lines) in [
        ("What it means for the data", effects.collect::<Vec<_>>()),
        ("What the database is asked to do", statements.collect()),
        ("It may not be applied as it is", refusals.collect()),
        ("Notes", notes.collect()),
    ] {
        if lines.is_empty() {
            continue;
        }
        let _ = write!(text, "\n#### {title}\n\n");
        let total = lines.len();
        let budget = LIMIT / 6;
        let mut used = 0;
        let mut listed = 0;
        for line in lines {
            used += line.chars().count();
            if used > budget {
                break;
            }
            text.push_str(&line);
            listed += 1;
        }
        if listed < total {
            let _ = writeln!(text, "- … and {} more", grouped(total - listed));
        }
    }
    text
}

fn change_text(change: &Change) -> String {
    let from = change
        .renamed_from
        .as_ref()
        .map(|from| format!(" (was {})", code(&from.to_string())))
        .unwrap_or_default();
    let key = code(&change.key.to_string());
    let mut text = format!("\n{} **{}** {key}{from}\n", change.action.glyph(), change.action);
    if change.before.is_none() || change.fields.is_empty() {
        return text;
    }
    text.push_str("\n| field | before | after | data |\n|---|---|---|---|\n");
    for field in &change.fields {
        let consequence = match field.consequence {
            Consequence::None => "",
            consequence => consequence.as_str(),
        };
        let (shown, more) = field_differences(field);
        for difference in shown {
            let side = |text: Option<String>| text.map(|text| code(&text)).unwrap_or_default();
            let (before, after) = (side(difference.before), side(difference.after));
            let _ = writeln!(text, "| {} | {before} | {after} | {consequence} |", code(&difference.place));
        }
        if let Some(more) = more {
            let _ = writeln!(text, "| {} | | | |", prose(&more));
        }
    }
    text
}

/// A text as code, also in a cell of a table: shown as it is, on one line.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = foreign::line(text);
    // A bar ends a cell even inside backticks, and whether a backslash before it counts depends on the reader.
    if text.contains('|') {
        return format!("<code>{}</code>", entities(&text));
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let (fence, space) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
    format!("{fence}{space}{text}{space}{fence}")
}

/// A text in which nothing is markup, for punctuation is written as references to characters.
fn entities(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            safe.push_str(&format!("&#{};", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A sentence on one line: what would be markup is escaped, and `@` mentions no person.
fn prose(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for c in foreign::line(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '!' => safe.extend(['\\', c]),
            // Code is the one place in which hosts look for no mentions, issues and links.
            '@' | '#' => safe.extend(['`', c, '`']),
            c => safe.push(c),
        }
    }
    safe.replace("://", "`://`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_as_it_is() {
        for (text, expected) in [
            ("", ""),
            ("\"a\"", "`\"a\"`"),
            ("\"a|b\"", "<code>&#34;a&#124;b&#34;</code>"),
            ("a\\|<!--", "<code>a&#92;&#124;&#60;&#33;&#45;&#45;</code>"),
            ("\"say `a`\"", "`` \"say `a`\" ``"),
            ("\"``\"", "``` \"``\" ```"),
            ("a\n\n# b", "`a  # b`"),
            ("\u{202e}\u{1b}[1m", "`\u{fffd}␛[1m`"),
        ] {
            assert_eq!(code(text), expected);
        }
    }

    #[test]
    fn a_sentence_is_never_markup() {
        for (text, expected) in [
            ("transfer customers: its rows (≈5)", "transfer customers: its rows (≈5)"),
            ("<!-- [a](b) **c** `d`", "\\<\\!-- \\[a\\](b) \\*\\*c\\*\\* \\`d\\`"),
            ("a\n\n# b", "a  `#` b"),
            ("@team see https://evil.example #12", "`@`team see https`://`evil.example `#`12"),
        ] {
            assert_eq!(prose(text), expected);
        }
    }
}
