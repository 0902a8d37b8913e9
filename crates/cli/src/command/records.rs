//! `raccord records`.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use raccord_model::{EntityRef, Ident};
use raccord_serve::request::{FieldText, TooLong};
use raccord_serve::{Reply, Request};

use crate::complete;
use crate::error::CommandError;
use crate::options::Global;
use crate::render;
use crate::render::table::{ListForm, Listing, Table};
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// How many records are shown as text unless said otherwise.
const SHOWN: usize = 100;

/// Show the stored records of an entity, in the order of their keys
///
/// As text the first hundred, and how many there are; in every other form all of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord records crm.contact --limit 5\n  \
    raccord records crm.contact --where externalId=42 --output json")]
pub(crate) struct RecordsArgs {
    /// Which entity
    #[arg(value_name = "PROJECT.ENTITY", add = ArgValueCandidates::new(complete::entities))]
    entity: EntityRef,
    /// Only records whose field has this value; can be repeated
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    filter: Vec<(Ident, FieldText)>,
    /// At most so many [default: 100 as text, all of them otherwise]
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    output: ListForm,
}

fn condition(text: &str) -> Result<(Ident, FieldText), String> {
    let (field, value) = text.split_once('=').ok_or("write it as FIELD=VALUE")?;
    let field = field.parse().map_err(|error: raccord_model::name::NameError| error.to_string())?;
    Ok((field, value.parse().map_err(|error: TooLong| error.to_string())?))
}

pub(crate) fn records(ui: &Ui, global: &Global, args: &RecordsArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "records", Opening::Existing)?;
    let request = |limit, total| Request::Records {
        entity: args.entity.clone(),
        filter: args.filter.clone(),
        limit: args.limit.unwrap_or(limit),
        total,
    };
    if args.output.is_text() {
        return text(*ui, &session, request(SHOWN, true));
    }
    // One by one, so that a large entity never stands in memory.
    let mut list = Listing::new(args.output);
    session.ask(request(usize::MAX, false), |reply| match reply {
        Reply::Record(record) => Ok(ui.data(&list.item(&record.0, &record)?)?),
        _ => Ok(()),
    })?;
    Ok(ui.data(list.end())?)
}

/// A table of the first records, and how many there are.
fn text(ui: Ui, session: &Session, request: Request) -> Result<(), CommandError> {
    let (mut records, mut total) = (Vec::new(), 0);
    session.ask(request, |reply| {
        match reply {
            Reply::Record(record) => records.push(record),
            Reply::Total(all) => total = all,
            _ => {}
        }
        Ok(())
    })?;
    let Some(first) = records.first() else {
        ui.note("no record");
        return Ok(());
    };
    let mut table = Table::of_columns(first.0.iter().map(|(name, _)| name.clone()).collect());
    for record in &records {
        table.row(record.0.iter().map(|(_, value)| render::cell(value)));
    }
    ui.print(&table.text(ui.width()))?;
    if let Some(part) = render::part(records.len(), total, "record") {
        ui.line(&format!("{part}; --limit shows more of them, --output jsonl writes all"))?;
    }
    Ok(())
}
