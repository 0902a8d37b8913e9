//! A plan, or what a generation changed, as pages show it: each resource with the fields that differ, what that means for the
//! data, what is not allowed, and what else there is to know.

use maud::{Markup, html};
use raccord_model::Name;
use raccord_model::plan::{Action, Consequence};
use raccord_plan::{Change, DataEffect, Lost, Note, Plan, Subject};
use serde_json::Value;

use super::show::{self, Tone};
use super::visit::Visit;

/// The most changes that are shown.
pub(super) const SHOWN: usize = 100;

/// The most fields that are shown of one change.
const FIELDS: usize = 40;

/// The most fields that a page shows, of all changes together.
const ALL_FIELDS: usize = 400;

/// The longest value of a field, in characters.
const VALUE: usize = 200;

/// A whole plan.
pub(super) fn plan(visit: &Visit, plan: &Plan) -> Markup {
    let words = visit.texts().changes;
    html! {
        (changes(visit, &plan.changes, plan.changes.len()))
        h3 { (words.effects) }
        @if plan.effects.is_empty() { p { (words.no_effects) } }
        @else { ul { @for effect in plan.effects.iter().take(SHOWN) { li { (sentence(visit, effect)) } } } }
        @if plan.tables.iter().any(|table| !table.statements.is_empty()) {
            h3 { (words.statements) }
            @for table in plan.tables.iter().take(SHOWN) { @for statement in &table.statements {
                pre tabindex="0" { (show::line(statement)) }
            } }
        }
        @if !plan.notes.is_empty() {
            h3 { (words.notes) }
            ul { @for note in plan.notes.iter().take(SHOWN) { li { (note_in_words(visit, note)) } } }
        }
        @if !plan.refusals.is_empty() {
            h3 { (words.refusals) }
            ul.problem { @for refusal in plan.refusals.iter().take(SHOWN) { li { (show::line(&refusal.to_string())) } } }
        }
    }
}

/// What changes, resource by resource: the first of so many.
pub(super) fn changes(visit: &Visit, changes: &[Change], total: usize) -> Markup {
    let words = visit.texts().changes;
    let mut left = ALL_FIELDS;
    let shown = changes.iter().take(SHOWN).map(|change| {
        let fields = change.fields.len().min(FIELDS).min(left);
        left -= fields;
        (change, fields)
    });
    let shown: Vec<(&Change, usize)> = shown.collect();
    html! {
        @if changes.is_empty() { p { (words.same) } }
        @for (change, fields) in shown { (one(visit, change, fields)) }
        @if total > SHOWN { p.hint { (words.more) " " (total - SHOWN) } }
    }
}

/// One of them, with so many of its fields.
fn one(visit: &Visit, change: &Change, fields: usize) -> Markup {
    let words = visit.texts().changes;
    let (tone, word) = match change.action {
        Action::Delete => (Tone::Bad, words.delete),
        Action::Deactivate => (Tone::Bad, words.deactivate),
        Action::Rename => (Tone::Busy, words.rename),
        Action::Update => (Tone::Waits, words.update),
        Action::Create => (Tone::Good, words.create),
        Action::Activate => (Tone::Good, words.activate),
    };
    let is_open = change.before.is_some() && change.after.is_some();
    html! { details.change open[is_open] {
        summary {
            (show::status(tone, word)) " " (show::line(&change.key.to_string()))
            @if let Some(from) = &change.renamed_from { " (" (words.was) " " (show::line(from.as_str())) ")" }
        }
        div.wide tabindex="0" role="region" aria-label=(show::plain(&change.key.to_string())) { table { tbody { @for field in change.fields.iter().take(fields) { tr {
            th scope="row" { code { (show::line(&field.path_text())) } }
            td { @if let Some(before) = &field.before { del { (value(before)) } } }
            td { @if let Some(after) = &field.after { ins { (value(after)) } } }
            td { @if field.consequence != Consequence::None && is_open { (consequence(visit, field.consequence)) } }
        } } } } }
        @if change.fields.len() > fields { p.hint { (words.more) " " (change.fields.len() - fields) } }
    } }
}

fn value(value: &Value) -> Markup {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut: String = text.chars().take(VALUE).collect();
    html! { (show::line(&cut)) @if cut.len() < text.len() { "…" } }
}

const fn consequence(visit: &Visit, consequence: Consequence) -> &'static str {
    let words = visit.texts().changes;
    match consequence {
        Consequence::None => words.nothing,
        Consequence::Restart => words.restart,
        Consequence::Guard => words.guard,
        Consequence::Deletions => words.deletions,
        Consequence::Reread => words.reread,
        Consequence::Remap => words.remap,
        Consequence::DropField => words.drop_field,
        Consequence::Rekey => words.rekey,
        Consequence::Drop => words.drop,
    }
}

/// What happens to the data.
fn sentence(visit: &Visit, effect: &DataEffect) -> Markup {
    let subject = match &effect.subject {
        Subject::Transfer { name, .. } => name.to_string(),
        Subject::Entity { entity, .. } => entity.to_string(),
        Subject::Field { entity, field, .. } => format!("{entity}.{field}"),
    };
    html! {
        b { (show::line(&subject)) } " " (consequence(visit, effect.consequence))
        @if let Some(records) = effect.records {
            " (" (visit.texts().changes.about) " " (show::number(visit.reader.language, records)) ")"
        }
        @if !effect.lost.is_empty() { "; " (visit.texts().changes.lost) " " (show::line(&lost_rows(visit, effect))) }
    }
}

/// The rows that are not read again, by their transfers.
fn lost_rows(visit: &Visit, effect: &DataEffect) -> String {
    let words = visit.texts().changes;
    let each = effect.lost.iter().map(|lost| {
        let count =
            lost.records.map_or_else(|| "?".to_owned(), |count| show::number(visit.reader.language, count));
        let because = match lost.because {
            Lost::Inactive => words.lost_inactive,
            Lost::Unwanted => words.lost_unwanted,
            Lost::Gone => return format!("{count} ({})", words.lost_gone),
        };
        let transfer = lost.transfer.as_ref().map_or("", Name::as_str);
        format!("{count} – {transfer} ({because})")
    });
    each.collect::<Vec<_>>().join(", ")
}

fn note_in_words(visit: &Visit, note: &Note) -> Markup {
    let words = visit.texts().changes;
    let (before, about) = match note {
        Note::Resumes { integration, because, .. } => (words.resumes, format!("{integration} ({because})")),
        Note::StaysTripped { integration, cause, .. } => {
            (words.stays_tripped, format!("{integration}: {cause}"))
        }
        Note::StaysPaused { integration, transfers, .. } => {
            let names: Vec<&str> = transfers.iter().map(Name::as_str).collect();
            (words.stays_paused, format!("{integration} ({})", names.join(", ")))
        }
        Note::RenameIgnored { key, from } => (words.rename_ignored, format!("{from} → {key}")),
        Note::StackNamed { stack } => (words.stack_named, stack.to_string()),
        Note::DropsWaiting { transfer, deliveries, rejects } => {
            let count = |count| show::number(visit.reader.language, count);
            let (deliveries, rejects) = (count(*deliveries), count(*rejects));
            (words.drops_waiting, format!("{transfer}: {deliveries} / {rejects}"))
        }
        Note::DeliveriesEnd { transfer } => (words.deliveries_end, transfer.to_string()),
        Note::WebhookMoves { source, from, to } => {
            let to = to.as_deref().unwrap_or("–");
            (words.webhook_moves, format!("{from} → {to} ({source})"))
        }
        Note::TableStays { entity, table } => (words.stays, format!("{table} ({entity})")),
        Note::FolderStays { entity, folder } => (words.stays, format!("{folder} ({entity})")),
        Note::FolderTaken { entity, folder, by } => (words.stays, format!("{folder} ({entity} → {by})")),
        Note::ColumnStays { entity, column } => (words.stays, format!("{column} ({entity})")),
        Note::RootMoves { from, to } => (words.root_moves, format!("{from} → {to}")),
    };
    html! { (before) " " (show::line(&about)) }
}
