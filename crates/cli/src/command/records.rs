//! `raccord records`.

use clap::Args;
use raccord_engine::request::{FieldText, TooLong};
use raccord_engine::{Reply, Request};
use raccord_model::{EntityRef, Ident};

use crate::args::Global;
use crate::error::CommandError;
use crate::render::table::{Form, ListForm, Table};
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// Show the stored records of an entity, in the order of their keys
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord records crm.contact --limit 5\n  \
    raccord records crm.contact --where externalId=42 --output json")]
pub(crate) struct RecordsArgs {
    /// Which entity
    #[arg(value_name = "PROJECT.ENTITY")]
    entity: EntityRef,
    /// Only records whose field has this value; can be repeated
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    filter: Vec<(Ident, FieldText)>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
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
    let request =
        Request::Records { entity: args.entity.clone(), filter: args.filter.clone(), limit: args.limit };
    if args.output.form == Form::Jsonl {
        // Line by line, so that a large entity never stands in memory.
        return session.ask(request, |reply| match reply {
            Reply::Record(record) => Ok(ui.data(&crate::render::table::line(&record)?)?),
            _ => Ok(()),
        });
    }
    let records = session.collect(request, |reply| match reply {
        Reply::Record(record) => Some(record),
        _ => None,
    })?;
    let columns = records.first().map(|record| record.0.iter().map(|(name, _)| name.clone()).collect());
    let mut table = Table::of_columns(columns.unwrap_or_default());
    for record in &records {
        table.row(record.0.iter().map(|(_, value)| crate::render::cell(value)));
    }
    if records.is_empty() && args.output.is_text() {
        ui.note("no record");
        return Ok(());
    }
    ui.list(&table, args.output, &records)
}
