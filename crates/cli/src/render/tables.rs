//! What a plan says of the tables of databases: the statements, what others changed there, what could not be looked at.

use raccord_model::foreign;
use raccord_serve::plan::{Plan, TablePlan};

use crate::style::{BOLD, DIM, YELLOW};

/// The tables of a plan, under a title of their own; empty when there is nothing to say.
pub(crate) fn text(plan: &Plan) -> String {
    let mut text = String::new();
    if plan.changes_tables() {
        text.push_str(&format!("\n{BOLD}What the database is asked to do{BOLD:#}\n"));
        for statement in plan.tables.iter().flat_map(|table| &table.statements) {
            for line in statement.lines() {
                text.push_str(&format!("  {DIM}{}{DIM:#}\n", foreign::line(line)));
            }
        }
    }
    for note in notes(plan) {
        text.push_str(&format!("\n{YELLOW}note{YELLOW:#}: {}\n", foreign::line(&note)));
    }
    text
}

/// What differs from what was last made, and what could not be looked at: one sentence for each table, or for all that
/// could not be for one reason.
pub(crate) fn notes(plan: &Plan) -> Vec<String> {
    let drift = plan.tables.iter().flat_map(|table| {
        table.drift.iter().map(move |drift| format!("the table {} of {}: {drift}", table.table, table.entity))
    });
    let mut notes: Vec<String> = drift.collect();
    let mut unseen: Vec<(&str, Vec<&TablePlan>)> = Vec::new();
    for table in &plan.tables {
        let Some(why) = table.unseen.as_deref() else { continue };
        match unseen.iter_mut().find(|(known, _)| *known == why) {
            Some((_, tables)) => tables.push(table),
            None => unseen.push((why, vec![table])),
        }
    }
    for (why, tables) in unseen {
        let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
        let (table, what) =
            if names.len() == 1 { ("table", "it is made") } else { ("tables", "they are made") };
        notes.push(format!(
            "the {table} {} could not be looked at, so that this plan does not say how {what} or what was \
             changed there: {why}",
            names.join(", ")
        ));
    }
    notes
}
