//! A plan for people: the summary first and last, what destroys before what adds, changed fields alone.

use raccord_model::foreign;
use raccord_model::plan::{Action, Consequence};
use raccord_model::{Kind, Name};
use raccord_serve::plan::{Change, DataEffect, FieldChange, Note, Plan, Subject};

use super::difference::{Difference, differences};
use super::{grouped, tables};
use crate::style::{BLUE, BOLD, DIM, GREEN, RED, YELLOW};

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Changed fields alone.
    Changes,
    /// Every field of what is created too.
    Full,
}

/// The most changes that are shown before they are counted instead.
const SHOWN: usize = 500;

/// The most differences of one field that are shown before they are counted instead.
const SHOWN_OF_A_FIELD: usize = 20;

/// The whole plan.
pub(crate) fn text(plan: &Plan, detail: Detail) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}\n", headline(plan));
    if !plan.changes.is_empty() {
        text.push('\n');
    }
    for change in plan.changes.iter().take(SHOWN) {
        text.push_str(&change_text(change, detail));
    }
    if plan.changes.len() > SHOWN {
        let more = plan.changes.len() - SHOWN;
        text.push_str(&format!("  … and {} more; --output json lists all\n", grouped(more)));
    }
    if !plan.effects.is_empty() {
        text.push_str(&format!("\n{BOLD}What it means for the data{BOLD:#}\n"));
        for effect in plan.effects.iter().take(SHOWN) {
            text.push_str(&format!("  {}\n", colored(effect.consequence, &foreign::line(&sentence(effect)))));
        }
    }
    text.push_str(&tables::text(plan));
    for note in &plan.notes {
        text.push_str(&format!("\n{YELLOW}note{YELLOW:#}: {}\n", foreign::line(&note_text(note))));
    }
    for refusal in &plan.refusals {
        let flag = refusal.flag().map(|flag| format!("; {flag} allows it")).unwrap_or_default();
        text.push_str(&format!("\n{RED}refused{RED:#}: {}{flag}", foreign::line(&refusal.to_string())));
    }
    if !plan.refusals.is_empty() {
        text.push('\n');
    }
    if !plan.changes.is_empty() {
        text.push_str(&format!("\n{BOLD}{}{BOLD:#}\n", headline(plan)));
    }
    if detail == Detail::Changes && plan.changes.iter().any(|change| change.before.is_none()) {
        text.push_str(&format!("{DIM}--full shows every field of what is created{DIM:#}\n"));
    }
    text
}

/// One line: how many of what, and the gravest consequence.
pub(crate) fn headline(plan: &Plan) -> String {
    let stack = &plan.stack;
    if plan.changes.is_empty() {
        let generation = plan.generation;
        let line = format!("{stack}: no changes; generation {generation} is what the configuration says");
        let tables = plan.tables.iter().filter(|table| !table.statements.is_empty()).count();
        return match tables {
            0 => line,
            1 => format!("{line}, but 1 table is not"),
            tables => format!("{line}, but {} tables are not", grouped(tables)),
        };
    }
    let summary = plan.summary();
    let counts: Vec<String> =
        summary.actions.iter().map(|(action, count)| format!("{} to {action}", grouped(count))).collect();
    let mut line = format!("{stack}: {}", counts.join(", "));
    if summary.reread > 0 {
        let records = super::many(summary.reread, "record");
        line.push_str(&format!("; ≈{records} {} read again", verb(Some(summary.reread))));
    }
    if summary.dropped > 0 {
        line.push_str(&format!("; {} dropped", rows_are(summary.dropped)));
    }
    line
}

fn change_text(change: &Change, detail: Detail) -> String {
    let style = match change.action {
        Action::Delete | Action::Deactivate => RED,
        Action::Create | Action::Activate => GREEN,
        Action::Update => YELLOW,
        Action::Rename => BLUE,
    };
    let from = change.renamed_from.as_ref().map(|from| format!("  (was {from})")).unwrap_or_default();
    let mut text = format!("  {style}{} {}{style:#}{from}\n", change.action.glyph(), change.key);
    if change.action == Action::Delete
        && let Some(fate) = fate(change.key.kind)
    {
        text.push_str(&format!("      {DIM}{fate}{DIM:#}\n"));
    }
    let is_new = change.before.is_none();
    if is_new && detail == Detail::Changes {
        return text;
    }
    for field in &change.fields {
        text.push_str(&field_text(field, is_new));
    }
    text
}

/// What becomes of what a deleted resource leaves behind, when the effects do not say it.
const fn fate(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Transfer => Some("its checkpoint is forgotten; its rows stay as long as their entity does"),
        Kind::Integration => Some("what only it subscribed to runs no more; the rows stay"),
        Kind::Stack
        | Kind::Project
        | Kind::Authorization
        | Kind::Source
        | Kind::Mapping
        | Kind::Subscription
        | Kind::Alert => None,
    }
}

fn field_text(field: &FieldChange, is_new: bool) -> String {
    let consequence = match field.consequence {
        consequence if consequence != Consequence::None && !is_new => {
            format!("   {}", colored(consequence, consequence.as_str()))
        }
        _ => String::new(),
    };
    let (shown, more) = field_differences(field);
    let mut text = String::new();
    for Difference { place, before, after } in shown {
        let change = match (before, after) {
            (None, Some(after)) if is_new => format!(" = {after}"),
            (Some(before), Some(after)) => format!("  {before} → {after}"),
            (None, after) => format!("  {GREEN}+{GREEN:#} {}", after.unwrap_or_default()),
            (Some(before), None) => format!("  {RED}-{RED:#} {before}"),
        };
        let place = foreign::line(&place);
        text.push_str(&format!("      {place}{change}{consequence}\n"));
    }
    if let Some(more) = more {
        text.push_str(&format!("      {}; --output json shows all of it\n", foreign::line(&more)));
    }
    text
}

/// What differs in a field, each with its whole path, and how much more there is than is shown.
pub(crate) fn field_differences(field: &FieldChange) -> (Vec<Difference>, Option<String>) {
    let path = short_path(field);
    let mut found = differences(field.before.as_ref(), field.after.as_ref());
    let more = found.len().saturating_sub(SHOWN_OF_A_FIELD);
    found.truncate(SHOWN_OF_A_FIELD);
    for difference in &mut found {
        difference.place.insert_str(0, &path);
    }
    (found, (more > 0).then(|| format!("… and {} more differences in {path}", grouped(more))))
}

/// A path without the `spec` that nearly all begin with.
fn short_path(field: &FieldChange) -> String {
    let path = field.path_text();
    path.strip_prefix("spec.").map_or(path.clone(), str::to_owned)
}

fn colored(consequence: Consequence, text: &str) -> String {
    match consequence {
        Consequence::Rekey | Consequence::Drop | Consequence::DropField => format!("{RED}{text}{RED:#}"),
        Consequence::Reread | Consequence::Remap | Consequence::Deletions | Consequence::Guard => {
            format!("{YELLOW}{text}{YELLOW:#}")
        }
        Consequence::None | Consequence::Restart => format!("{DIM}{text}{DIM:#}"),
    }
}

/// What happens to the data, as a sentence.
pub(crate) fn sentence(effect: &DataEffect) -> String {
    let about = effect.records.map(|count| format!(" (≈{})", grouped(count))).unwrap_or_default();
    let rows = effect.records.map_or_else(|| "its rows".to_owned(), |count| super::many(count, "row"));
    let subject = match &effect.subject {
        Subject::Transfer { name, .. } => format!("transfer {name}"),
        Subject::Entity { entity, .. } => format!("entity {entity}"),
        Subject::Field { entity, field, .. } => format!("field {entity}.{field}"),
    };
    match effect.consequence {
        Consequence::None => format!("{subject}: nothing"),
        Consequence::Restart => format!("{subject}: its schedule begins anew"),
        Consequence::Guard => format!("{subject}: more deletions are done without a person"),
        Consequence::Deletions => format!("{subject}: deletions begin or cease to be received"),
        Consequence::Reread if matches!(effect.subject, Subject::Entity { .. }) => {
            format!(
                "{subject}: its rows are kept elsewhere from now on; those that are there stay where they are"
            )
        }
        Consequence::Reread if effect.inactive => {
            format!("{subject}: its checkpoint is reset; it reads everything again once it is active")
        }
        Consequence::Remap if effect.inactive => {
            format!("{subject}: it reads everything again, by the new rules, once it is active")
        }
        Consequence::Reread => {
            format!("{subject}: its checkpoint is reset and everything is read again{about}")
        }
        Consequence::Remap => {
            format!("{subject}: everything is read again and mapped by the new rules{about}")
        }
        Consequence::DropField => format!("{subject}: its values are dropped from {rows}"),
        Consequence::Rekey if !effect.lost.is_empty() => {
            let lost: Vec<String> = effect.lost.iter().map(ToString::to_string).collect();
            let dropped = format!("{subject}: {rows} {} dropped", verb(effect.records));
            let again = match effect.kept() {
                Some(0) => String::new(),
                Some(kept) => {
                    format!(" and {} {} read again under other keys", grouped(kept), verb(Some(kept)))
                }
                None => " and read again under other keys".to_owned(),
            };
            format!("{dropped}{again}; not read again: {}", lost.join(", "))
        }
        Consequence::Rekey => {
            format!("{subject}: {rows} {} dropped and read again under other keys", verb(effect.records))
        }
        Consequence::Drop => format!("{subject}: {rows} {} dropped", verb(effect.records)),
    }
}

/// `1 row is`, `2 rows are`.
fn rows_are(count: u64) -> String {
    format!("{} {}", super::many(count, "row"), verb(Some(count)))
}

/// What goes with so many.
const fn verb(count: Option<u64>) -> &'static str {
    if matches!(count, Some(1)) { "is" } else { "are" }
}

/// What waits for a transfer that goes, as a sentence.
fn dropped(transfer: &Name, (deliveries, rejects): (u64, u64)) -> String {
    let are = if deliveries + rejects == 1 { "is" } else { "are" };
    let deliveries = match deliveries {
        0 => None,
        1 => Some("1 waiting delivery".to_owned()),
        more => Some(format!("{more} waiting deliveries")),
    };
    let rejects = (rejects > 0).then(|| super::many(rejects, "reject"));
    let both: Vec<String> = deliveries.into_iter().chain(rejects).collect();
    format!("transfer {transfer}: {} {are} dropped with it", both.join(" and "))
}

/// A note as a sentence.
pub(crate) fn note_text(note: &Note) -> String {
    match note {
        Note::Resumes { integration, transfer, because, .. } => format!(
            "the integration {integration}, disabled because of {transfer}, starts again: {because} changes"
        ),
        Note::StaysTripped { integration, transfer, cause, .. } => format!(
            "the integration {integration} is disabled ({cause}, transfer {transfer}) and stays so; \
             `raccord resume {integration}` starts it again"
        ),
        Note::StaysPaused { integration, transfers, until } => {
            let names: Vec<&str> = transfers.iter().map(Name::as_str).collect();
            let until = until.map_or_else(
                || format!("`raccord resume {integration}`"),
                |until| format!("{until} or `raccord resume {integration}`"),
            );
            format!(
                "the integration {integration} is paused: {} is not read again, and rows that are dropped do not come back, before {until}",
                names.join(", ")
            )
        }
        Note::RenameIgnored { key, from } => {
            format!(
                "{key} cannot take over from {from}: the one is still wanted or the other is there already"
            )
        }
        Note::DropsWaiting { transfer, deliveries, rejects } => dropped(transfer, (*deliveries, *rejects)),
        Note::DeliveriesEnd { transfer } => format!(
            "transfer {transfer}: webhooks that come meanwhile are not kept; `raccord pause` of its integration keeps them"
        ),
        Note::WebhookMoves { source, from, to: Some(to) } => format!(
            "the webhook of source {source} moves from {from} to {to}: tell its service, which is refused at the old address"
        ),
        Note::WebhookMoves { source, from, to: None } => {
            format!("the webhook {from} of source {source} ends: its service is refused there from now on")
        }
        Note::TableStays { entity, table } => {
            format!("the table {table} of {entity} stays in its database as it is; Raccord writes it no more")
        }
        Note::FolderStays { entity, folder } => {
            format!("the folder {folder} of {entity} stays as it is; Raccord writes it no more")
        }
        Note::FolderTaken { entity, folder, by } => {
            format!("the files in the folder {folder} of {entity} stay and count for {by} from now on")
        }
        Note::ColumnStays { entity, column } => {
            format!("the column {column} of {entity} stays as it is; Raccord writes it no more")
        }
        Note::StackNamed { stack } => format!("the state will belong to the stack {stack}"),
        Note::RootMoves { from, to } => format!("data paths will be relative to {to}, no longer to {from}"),
    }
}
