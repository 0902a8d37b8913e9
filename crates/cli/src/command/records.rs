//! `raccord records`.

mod file;
mod target;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use raccord_files::format::Format;
use raccord_model::fact::RunId;
use raccord_model::{EntityRef, Ident};
use raccord_serve::request::{FieldText, TooLong};
use raccord_serve::{Reply, Request};

use crate::complete;
use crate::error::CommandError;
use crate::options::Global;
use crate::render;
use crate::render::table::{JsonArray, Table};
use crate::session::{Opening, Session};
use crate::ui::Ui;
use file::{Export, LeftOut};
use target::Target;

/// How many records are shown as text unless said otherwise.
const SHOWN: usize = 100;

/// Show the stored records of an entity, in the order of their keys, or export them
///
/// As text the first hundred, and how many there are; in every other form all of them, read and written bit by bit.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord records crm.contact --limit 5\n  \
    raccord records crm.contact --where externalId=42 --output json\n  \
    raccord records crm.contact --held 0198c0de-5b0e-7d3a-9c51-3f1d2a8b7c60\n  \
    raccord records crm.contact --to contacts.parquet")]
pub(crate) struct RecordsArgs {
    /// Which entity
    #[arg(value_name = "PROJECT.ENTITY", add = ArgValueCandidates::new(complete::entities))]
    entity: EntityRef,
    /// Only records whose field has this value; can be repeated
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    filter: Vec<(Ident, FieldText)>,
    /// Only records that go when this held run is approved
    #[arg(long, value_name = "RUN")]
    held: Option<RunId>,
    /// At most so many [default: 100 as text, all of them otherwise]
    #[arg(long)]
    limit: Option<usize>,
    /// The form [default: text, or what the name after --to ends with]
    #[arg(long, value_enum)]
    output: Option<RecordForm>,
    /// Write a file, which is there when it is whole
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// With csv: begin what a spreadsheet would take for a formula with an apostrophe
    #[arg(long)]
    formula_safe: bool,
}

/// The forms in which records are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RecordForm {
    /// For people.
    Text,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header; nothing where there is no value, "" where there is an empty text.
    Csv,
    /// Apache Parquet, with a typed column for each field.
    Parquet,
}

impl RecordForm {
    /// What the name of a file says.
    fn of_name(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(Self::Json),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// What is asked for beside the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Also {
    Nothing,
    /// How many there are.
    Total,
    /// Which columns there are.
    Columns,
}

fn condition(text: &str) -> Result<(Ident, FieldText), String> {
    let (field, value) = text.split_once('=').ok_or("write it as FIELD=VALUE")?;
    let field = field.parse().map_err(|error: raccord_model::name::NameError| error.to_string())?;
    Ok((field, value.parse().map_err(|error: TooLong| error.to_string())?))
}

impl RecordsArgs {
    /// The form that is meant.
    fn form(&self) -> Result<RecordForm, CommandError> {
        match (self.output, &self.to) {
            (Some(RecordForm::Text), Some(_)) => {
                Err(CommandError::usage("text is for people; --to writes json, jsonl, csv or parquet"))
            }
            (Some(form), _) => Ok(form),
            (None, None) => Ok(RecordForm::Text),
            (None, Some(path)) => RecordForm::of_name(path).ok_or_else(|| {
                CommandError::usage(format!("the name {} does not say which form is meant", path.display()))
                    .hint("name it with --output, or write a name that ends with .json, .jsonl, .csv or .parquet")
            }),
        }
    }

    fn request(&self, limit: usize, also: Also) -> Request {
        Request::Records {
            entity: self.entity.clone(),
            filter: self.filter.clone(),
            limit: self.limit.unwrap_or(limit),
            total: also == Also::Total,
            columns: also == Also::Columns,
            page: None,
            held: self.held,
        }
    }
}

pub(crate) fn records(ui: &Ui, global: &Global, args: &RecordsArgs) -> Result<(), CommandError> {
    let form = args.form()?;
    let format = match form {
        RecordForm::Text | RecordForm::Json => None,
        RecordForm::Jsonl => Some(Format::Jsonl),
        RecordForm::Csv => Some(Format::Csv),
        RecordForm::Parquet => Some(Format::Parquet),
    };
    if let Some(format) = format {
        file::expect_built_in(format)?;
    }
    let session = Session::open(global, "records", Opening::Existing)?;
    if form == RecordForm::Text {
        return text(*ui, &session, args);
    }
    let mut target = Target::of(args.to.as_deref())?;
    let exported = if let Some(format) = format {
        Some(export(&session, args, format, &mut target)?)
    } else {
        json(&session, args, &mut target)?;
        None
    };
    if session.is_stopped() {
        return Err(CommandError::new("the export was stopped before its end"));
    }
    match exported {
        Some((written, left_out)) if !left_out.is_none() => {
            let partial = target.finish_partial()?;
            Err(left_out.error(written, partial.as_deref()))
        }
        _ => target.finish(),
    }
}

/// One array, record by record, so that a large entity never stands in memory.
fn json(session: &Session, args: &RecordsArgs, target: &mut Target) -> Result<(), CommandError> {
    let mut list = JsonArray::default();
    session.ask(args.request(usize::MAX, Also::Nothing), |reply| match reply {
        Reply::Record(record) => target.write(list.item(&record)?.as_bytes()),
        _ => Ok(()),
    })?;
    target.write(list.end().as_bytes())
}

/// A file in one of the formats that have columns.
fn export(
    session: &Session,
    args: &RecordsArgs,
    format: Format,
    target: &mut Target,
) -> Result<(u64, LeftOut), CommandError> {
    let mut export = None;
    session.ask(args.request(usize::MAX, Also::Columns), |reply| match (reply, &mut export) {
        (Reply::Columns(columns), none) => {
            *none = Some(Export::begin(format, &columns, args.formula_safe)?);
            Ok(())
        }
        (Reply::Record(record), Some(export)) => export.record(&record, target),
        _ => Ok(()),
    })?;
    let export = export.ok_or_else(|| CommandError::new("there was no answer"))?;
    export.finish(target)
}

/// A table of the first records, and how many there are.
fn text(ui: Ui, session: &Session, args: &RecordsArgs) -> Result<(), CommandError> {
    let (mut records, mut total) = (Vec::new(), 0);
    session.ask(args.request(SHOWN, Also::Total), |reply| {
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
        table.row(record.0.iter().map(|(_, value)| value.text().to_owned()));
    }
    ui.print(&table.text(ui.width()))?;
    if let Some(part) = render::part(records.len(), total, "record") {
        ui.line(&format!("{part}; --limit shows more of them, --output jsonl writes all"))?;
    }
    Ok(())
}
