//! A plan as a comment on a pull request. GitHub takes 65,536 characters; a plan that is longer is cut to its
//! summary, and says so.

use std::fmt::Write as _;

use raccord_engine::plan::{Change, Plan};
use raccord_model::plan::Consequence;

use super::grouped;
use super::plan::{field_differences, headline, note_text, sentence};

/// The most characters of a comment.
const LIMIT: usize = 65_000;

/// The room kept for what stands after the changes.
const TAIL: usize = 2_000;

/// The plan as Markdown, always shorter than [`LIMIT`].
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = format!("### {}\n", headline(plan));
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
    let effects = plan.effects.iter().map(|effect| format!("- {}\n", sentence(effect)));
    let refusals = plan.refusals.iter().map(|refusal| format!("- **refused**: {refusal}\n"));
    let notes = plan.notes.iter().map(|note| format!("- {}\n", note_text(note)));
    let mut text = String::new();
    for (title, lines) in [
        ("What it means for the data", effects.collect::<Vec<_>>()),
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
    let from = change.renamed_from.as_ref().map(|from| format!(" (was `{from}`)")).unwrap_or_default();
    let mut text = format!("\n{} **{}** `{}`{from}\n", change.action.glyph(), change.action, change.key);
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
            let side = |text: Option<String>| text.map(|text| cell(&text)).unwrap_or_default();
            let (before, after) = (side(difference.before), side(difference.after));
            let _ = writeln!(text, "| {} | {before} | {after} | {consequence} |", cell(&difference.place));
        }
        if let Some(more) = more {
            let _ = writeln!(text, "| {more} | | | |");
        }
    }
    text
}

/// A value inside a table cell, between more backticks than follow one another in it.
fn cell(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let (fence, space) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_as_it_is() {
        for (text, expected) in [
            ("", ""),
            ("\"a\"", "`\"a\"`"),
            ("\"a|b\"", "`\"a\\|b\"`"),
            ("\"say `a`\"", "`` \"say `a`\" ``"),
            ("\"``\"", "``` \"``\" ```"),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
