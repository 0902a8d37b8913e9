//! `raccord new transfer`.

use std::collections::BTreeMap;

use clap::Args;
use raccord_model::foreign;
use raccord_model::language::transfer::RejectPolicy;
use raccord_model::language::{
    ByNameOrInline, Deletes, Entity, MappingSpec, Mode, ProjectSpec, Store, TransferSpec,
};
use raccord_model::{DataTypeName, Desired, EntityRef, Key, Kind, Name, Spec};
use raccord_serve::proposal::{Match, Proposal, ProposalError, is_complete, propose_entity, propose_mapping};
use raccord_serve::request::{DataTypeView, FieldView};
use raccord_serve::{Look, LookAt, Reply};

use super::declared;
use super::integration::{self, subscription};
use super::{existing, must_be_free, write, yaml};
use crate::error::CommandError;
use crate::options::Global;
use crate::session;
use crate::ui::Ui;

/// Write a Transfer with a mapping by name, made from the fields that the source shows
///
/// A project that is not there yet is written too, with an entity that can hold the records; an entity that an existing
/// project does not have yet is printed, to be added there. The transfer is active when its mapping is complete.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord new transfer people --source files --to crm.person")]
pub(crate) struct TransferArgs {
    /// Its name
    name: Name,
    /// The source
    #[arg(long)]
    source: Name,
    /// The source's data type [default: the transfer's name]
    #[arg(long)]
    data_type: Option<DataTypeName>,
    /// The entity
    #[arg(long, value_name = "PROJECT.ENTITY")]
    to: EntityRef,
    /// The third-party field that tells records apart, for an entity that is not there yet; once for each part of a key
    #[arg(long, value_name = "FIELD")]
    key: Vec<String>,
    /// Also write an Integration of this name that subscribes to the transfer
    #[arg(long, value_name = "NAME")]
    integration: Option<Name>,
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &TransferArgs) -> Result<(), CommandError> {
    let desired = existing(ui, global)?
        .ok_or_else(|| CommandError::new("there is no source yet").hint("begin with `raccord new source`"))?;
    must_be_free(Some(&desired), &Key::new(Kind::Transfer, args.name.clone()))?;
    let Seen { view, keys } = seen(ui, global, &desired, args)?;
    if let Some(more) = &view.more_available {
        ui.note(&format!(
            "the service has more than is read: {}. Look at `pagination` of the data type `{}` of the source `{}`: without one, no run \
             reads more than the first page",
            foreign::line(more),
            view.name,
            args.source
        ));
    }
    let mut resources = Vec::new();
    let project = desired.project(&args.to.project);
    let (mapping, active) = match project.map(|project| project.entities.get(&args.to.entity)) {
        Some(Some(entity)) => {
            let Match { mapping, unmatched, left_out } = propose_mapping(&view, entity, &keys);
            for name in unmatched {
                ui.note(&format!("nothing is called like `{name}`: assign it by hand"));
            }
            tell_left_out(*ui, &left_out, "no field of the entity is called so");
            let active = is_complete(&mapping, entity);
            (mapping, active)
        }
        Some(None) => return print_entity(*ui, &view, &keys, args),
        None => {
            let Proposal { entity, mapping, left_out } = propose(&view, &keys, args)?;
            tell_left_out(*ui, &left_out, "no path can lead to it");
            resources.push((args.to.project.clone(), Spec::Project(project_of(args, entity))));
            (mapping, true)
        }
    };
    resources.push((args.name.clone(), Spec::Transfer(spec(args, mapping, active))));
    if let Some(name) = &args.integration {
        must_be_free(Some(&desired), &Key::new(Kind::Integration, name.clone()))?;
        let subscription = BTreeMap::from([(args.name.clone(), subscription(false))]);
        resources.push((name.clone(), Spec::Integration(integration::spec(subscription, &[], active))));
    }
    write(ui, global, &format!("transfer-{}", args.name), resources)?;
    let next = match (active, &args.integration) {
        (false, _) => "complete the mapping and set `active: true`",
        (true, None) => "raccord new integration",
        (true, Some(_)) => "raccord apply && raccord run",
    };
    ui.note(&format!("look at it with `raccord preview {}`; next: {next}", args.name));
    Ok(())
}

fn propose(view: &DataTypeView, keys: &[String], args: &TransferArgs) -> Result<Proposal, CommandError> {
    propose_entity(view, keys).map_err(|error| {
        let told = CommandError::of(&error);
        match error {
            ProposalError::NoRecord(_) => told.hint(format!("`raccord check {}` tells more", args.source)),
            ProposalError::NoKey(_) | ProposalError::UnknownKey { .. } => {
                told.hint("name the field that tells records apart: --key FIELD")
            }
            ProposalError::NotUnique { .. } => {
                told.hint("name the fields that tell records apart together: --key FIELD, once for each")
            }
        }
    })
}

/// A project with one entity.
fn project_of(args: &TransferArgs, entity: Entity) -> ProjectSpec {
    let entities = BTreeMap::from([(args.to.entity.clone(), entity)]);
    ProjectSpec { entities, store: Store::default(), protect: false }
}

fn tell_left_out(ui: Ui, left_out: &[String], why: &str) {
    for path in left_out {
        ui.note(&format!("left out: `{}`; {why}", foreign::line(path)));
    }
}

/// Prints the entity that an existing project lacks, as it must stand there: only its owner knows where in the file.
fn print_entity(
    ui: Ui,
    view: &DataTypeView,
    keys: &[String],
    args: &TransferArgs,
) -> Result<(), CommandError> {
    let Proposal { entity, left_out, .. } = propose(view, keys, args)?;
    tell_left_out(ui, &left_out, "no path can lead to it");
    let EntityRef { project, entity: name } = &args.to;
    let spec = Spec::Project(project_of(args, entity));
    let yaml = yaml(vec![(project.clone(), spec)])?;
    let entities = "  entities:\n";
    let snippet = yaml.split_once(entities).map_or(yaml.as_str(), |(_, rest)| rest);
    ui.print(snippet)?;
    Err(CommandError::new(format!("the project `{project}` has no entity `{name}`, and nothing was written"))
        .hint(format!(
            "add the lines above below `spec.entities` of the project `{project}`, then run this again"
        )))
}

fn spec(args: &TransferArgs, mapping: MappingSpec, active: bool) -> TransferSpec {
    let is_default =
        args.data_type.as_ref().is_some_and(|data_type| data_type.as_str() == args.name.as_str());
    TransferSpec {
        source: args.source.clone(),
        data_type: args.data_type.clone().filter(|_| !is_default),
        to: args.to.clone(),
        active,
        schedule: None,
        mapping: Some(ByNameOrInline::Inline(mapping)),
        deletes: Deletes::default(),
        mode: Mode::default(),
        version: None,
        rejects: RejectPolicy::default(),
        resync: None,
        protect: false,
    }
}

/// A data type, and the third-party fields that tell its records apart, where they are known.
struct Seen {
    view: DataTypeView,
    keys: Vec<String>,
}

/// What the source shows of the data type, and what its manifest declares where it shows nothing.
fn seen(ui: &Ui, global: &Global, desired: &Desired, args: &TransferArgs) -> Result<Seen, CommandError> {
    let mut view = view(global, desired, args)?;
    leave_out_absent(*ui, &mut view);
    let declared = declared::of(desired, &args.source, &view.name);
    if view.fields.is_empty() && !declared.fields.is_empty() {
        let why = view.error.take().unwrap_or_else(|| "it shows no record".to_owned());
        ui.note(&format!("{why}; the fields are those that the manifest declares"));
        view.fields = declared.fields;
    }
    let known = if view.key.is_empty() { declared.keys } else { view.key.clone() };
    let is_there = |key: &String| view.fields.iter().any(|field| field.path == *key);
    let keys = if known.iter().all(is_there) { known } else { Vec::new() };
    let keys = if args.key.is_empty() { keys } else { args.key.clone() };
    tell_repeated(*ui, &view, &keys);
    match &view.error {
        Some(error) => Err(CommandError::new(error.clone())),
        None => Ok(Seen { view, keys }),
    }
}

/// Tells when the one field of a key has the same value in several records: of those the last one alone is kept.
fn tell_repeated(ui: Ui, view: &DataTypeView, keys: &[String]) {
    let [key] = keys else { return };
    let field = view.fields.iter().find(|field| field.path == *key && field.repeated > 0);
    if let Some(FieldView { repeated, .. }) = field {
        ui.note(&format!(
            "`{}` does not tell records apart: {repeated} of the first {} have the value of another one, and of these the \
             last alone is kept",
            foreign::line(key),
            view.records
        ));
    }
}

/// Leaves out what a run could not read, for one of the files has no such column.
fn leave_out_absent(ui: Ui, view: &mut DataTypeView) {
    view.fields.retain(|field| {
        if let Some(file) = &field.absent_in {
            let (path, file) = (foreign::line(&field.path), foreign::line(file));
            ui.note(&format!(
                "left out: `{path}`; {file} has no such column, and a run that reads it would fail there: write files with other \
                 columns to a path of their own, and make a data type of them"
            ));
        }
        field.absent_in.is_none()
    });
}

/// What the source shows of the data type.
fn view(global: &Global, desired: &Desired, args: &TransferArgs) -> Result<DataTypeView, CommandError> {
    let wanted = args.data_type.as_ref().map_or(args.name.as_str(), DataTypeName::as_str);
    let mut found = Vec::new();
    let at = LookAt::Discover(args.source.clone());
    session::look(global, Look { desired: desired.clone(), at, limit: 0, timeout: None }, |reply| {
        if let Reply::DataType(view) = reply {
            found.push(view);
        }
        Ok(())
    })?;
    let known = found.iter().map(|view| view.name.to_string()).collect::<Vec<_>>().join(", ");
    found.into_iter().find(|view| view.name.as_str() == wanted).ok_or_else(|| {
        CommandError::new(format!("the source `{}` has no data type `{wanted}`", args.source))
            .hint(format!("name one with --data-type: {known}"))
    })
}
