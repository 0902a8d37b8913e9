//! `raccord explain`.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use raccord_model::EntityRef;
use raccord_model::foreign::line;
use raccord_serve::request::{Explanation, FieldText};
use raccord_serve::{Reply, Request};

use crate::complete;
use crate::error::CommandError;
use crate::options::{Global, Output};
use crate::render;
use crate::session::{Opening, Session};
use crate::style::{BOLD, RED};
use crate::ui::Ui;

/// Tell where a stored record comes from, and why the last one with its key was rejected
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord explain crm.contact 42")]
pub(crate) struct ExplainArgs {
    /// Which entity
    #[arg(value_name = "PROJECT.ENTITY", add = ArgValueCandidates::new(complete::entities))]
    entity: EntityRef,
    /// The value of each key field, in the order of the entity's `key`
    #[arg(required = true)]
    key: Vec<FieldText>,
    /// The form
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) fn explain(ui: &Ui, global: &Global, args: &ExplainArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "explain", Opening::Existing)?;
    let request = Request::Explain { entity: args.entity.clone(), key: args.key.clone() };
    let found = session.one(request, |reply| match reply {
        Reply::Explanation(found) => Some(*found),
        _ => None,
    })?;
    match args.output {
        Output::Json => ui.json(&found)?,
        Output::Text => {
            let key: Vec<&str> = args.key.iter().map(|text| &**text).collect();
            ui.print(&text(&args.entity, &key.join(", "), &found))?;
        }
    }
    Ok(())
}

fn text(entity: &EntityRef, key: &str, found: &Explanation) -> String {
    let key = line(key);
    let mut text = match &found.row {
        Some(_) => format!("{BOLD}{entity} {key}{BOLD:#}\n"),
        None => format!("{BOLD}{entity} {key}{BOLD:#}: no such record\n"),
    };
    for (name, value) in found.row.iter().flat_map(|row| &row.0).filter(|(_, value)| !value.is_null()) {
        text.push_str(&format!("  {name} = {}\n", line(value.text())));
    }
    if found.row.is_some() {
        let transfer = found.transfer.as_ref().map_or("one that is gone", |name| name.as_str());
        let source =
            found.source.as_ref().map(|name| format!(", from the source {name}")).unwrap_or_default();
        text.push_str(&format!("owned by the transfer {transfer}{source}\n"));
        match &found.run {
            Some(run) => text.push_str(&format!(
                "last written by the run {} of {}, generation {}, which began {}\n",
                run.id,
                run.transfer,
                run.generation,
                render::instant(run.started)
            )),
            None => text.push_str("last written by a run that is no longer kept\n"),
        }
    }
    for view in &found.rejects {
        let field = view.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
        text.push_str(&format!(
            "{RED}rejected{RED:#} at {} by {}: {field}{} ({}); `raccord rejects show {}`\n",
            render::instant(view.at),
            view.transfer,
            line(&view.reason),
            line(&view.position),
            view.id
        ));
    }
    if found.row.is_none() && found.rejects.is_empty() {
        text.push_str("no record with this key was stored, and none that is kept was rejected\n");
    }
    text
}
