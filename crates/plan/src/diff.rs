//! From two states of affairs to a plan.
//!
//! Pair, compare, keep what is asked for, weigh, refuse: each step is a function of the one before.

use std::borrow::Cow;
use std::collections::BTreeMap;

use raccord_model::language::TransferSpec;
use raccord_model::plan::{Action, Consequence};
use raccord_model::resource::Spec;
use raccord_model::{DataTypeName, Desired, Key, Kind, Name, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::compare;
use crate::current::Current;
use crate::effect::{Impacts, weigh};
use crate::pairing::{Pair, Pairing};
use crate::pause;
use crate::plan::{Change, DataEffect, FieldChange, Note, PLAN_VERSION, Plan, TOOL};
use crate::reference::follow;
use crate::refusal::Checked;
use crate::table;
use crate::target;
use crate::trip::Trips;
use crate::waiting;
use crate::webhook;
use crate::world::World;

/// What the person who plans has allowed and asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Only these resources and what they depend on; all of them when empty.
    pub targets: Vec<Key>,
    /// Whether resources, entities and fields may go.
    pub allow_delete: bool,
    /// Whether rows may get other keys.
    pub allow_rekey: bool,
    /// Whether the fields of what is created are left out: ten thousand of them are too many to read on a terminal.
    pub brief: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A target is neither wanted nor in the state.
    #[error("`{0}` is neither in the configuration nor in the state")]
    UnknownTarget(Key),
    /// The state lost what a resource says.
    #[error("the state does not hold what {0} says")]
    MissingBody(Key),
    /// A resource has no JSON form.
    #[error("compare {key}")]
    Compare {
        /// Which.
        key: Key,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A change in the making.
pub(crate) struct Draft<'a> {
    /// What it is about.
    pub(crate) pair: Pair<'a>,
    /// What the state says, as it stands there.
    pub(crate) raw: Option<&'a Resource>,
    /// What the state says, under the new names.
    pub(crate) old: Option<Resource>,
    /// What is wanted.
    pub(crate) new: Option<Cow<'a, Resource>>,
    /// The fields that say something else.
    pub(crate) fields: Vec<FieldChange>,
    /// The references that say the same under another name.
    pub(crate) references: Vec<FieldChange>,
}

/// What applying the configuration to the state would do. Refusals are in the plan; an error means that there
/// is none.
///
/// A configuration that has nothing, compared with a state that has nothing, is a plan without work:
///
/// ```
/// use raccord_model::Desired;
/// use raccord_model::port::state::Head;
/// use raccord_plan::{Current, Facts, Options, diff};
///
/// let head = Head { lineage: uuid::Uuid::nil(), serial: 0, generation: 0, stack: None, root: None };
/// let desired = Desired { stack: "shop".parse()?, root: String::new(), resources: [].into() };
/// let current = Current { head, index: [].into(), bodies: [].into(), facts: Facts::default() };
/// let plan = diff(&desired, &current, &Options::default())?;
/// assert!(plan.changes.is_empty() && plan.refusals.is_empty() && !plan.has_work());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diff(desired: &Desired, current: &Current, options: &Options) -> Result<Plan, DiffError> {
    let pairing = Pairing::of(desired, &current.index);
    let drafts = pairing
        .changed
        .iter()
        .map(|pair| Draft::of(pair.clone(), current, &pairing, options.brief))
        .filter(|draft| !draft.as_ref().is_ok_and(Draft::is_respelt))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut drafts, left_out) = target::select(drafts, &options.targets, desired, &pairing)?;
    let mut plan = empty(desired, current);
    plan.targeted = !left_out.is_empty();
    let deleted: BTreeMap<Key, &Resource> = drafts
        .iter()
        .filter(|draft| draft.new.is_none())
        .filter_map(|draft| Some((draft.pair.key.clone(), draft.raw?)))
        .collect();
    plan.notes = notes(desired, current, &pairing);
    plan.notes.extend(Trips::of(desired, current, &pairing, &drafts).notes());
    plan.notes.extend(table::notes(&drafts));
    if !drafts.is_empty() {
        let world = World::after(desired, current, &pairing, (&drafts, &left_out));
        let mut all = Impacts::default();
        for draft in &mut drafts {
            let impacts = weigh(draft, &world);
            plan.changes.push(draft.change(impacts.effects(&world)));
            all.merge(impacts);
        }
        plan.effects = all.effects(&world);
        plan.notes.extend(pause::notes(desired, current, &pairing, &plan.effects));
    }
    plan.notes.extend(waiting::notes(desired, current, &plan.changes));
    plan.notes.extend(webhook::notes(desired, current, &plan.changes));
    plan.changes.sort_by(|one, other| (one.action, &one.key).cmp(&(other.action, &other.key)));
    let checked = Checked {
        head: &current.head,
        stack: &desired.stack,
        changes: &plan.changes,
        effects: &plan.effects,
        deleted: &deleted,
    };
    plan.notes.extend(checked.stack_note());
    plan.refusals = checked.refusals(options);
    plan.refusals.extend(table::refusals(&drafts));
    Ok(plan)
}

fn empty(desired: &Desired, current: &Current) -> Plan {
    Plan {
        version: PLAN_VERSION,
        tool: TOOL.to_owned(),
        lineage: current.head.lineage,
        serial: current.head.serial,
        generation: current.head.generation,
        stack: desired.stack.clone(),
        configuration: desired.digest(),
        targeted: false,
        changes: Vec::new(),
        effects: Vec::new(),
        refusals: Vec::new(),
        notes: Vec::new(),
        tables: Vec::new(),
    }
}

fn notes(desired: &Desired, current: &Current, pairing: &Pairing<'_>) -> Vec<Note> {
    let ignored = pairing
        .ignored
        .iter()
        .map(|(key, from)| Note::RenameIgnored { key: (*key).clone(), from: (*from).clone() });
    let moved = current.head.root.as_ref().filter(|root| **root != desired.root);
    let moved = moved.map(|from| Note::RootMoves { from: from.clone(), to: desired.root.clone() });
    ignored.chain(moved).collect()
}

impl<'a> Draft<'a> {
    fn of(
        pair: Pair<'a>,
        current: &'a Current,
        pairing: &Pairing<'_>,
        brief: bool,
    ) -> Result<Self, DiffError> {
        let raw = match pair.before {
            None => None,
            Some((key, entry)) => {
                Some(current.bodies.get(&entry.digest).ok_or_else(|| DiffError::MissingBody(key.clone()))?)
            }
        };
        let (mut old, references) = match raw.map(|raw| follow(raw, pairing)) {
            None => (None, Vec::new()),
            Some((settled, references)) => (Some(settled), references),
        };
        let mut new = pair.after.map(|wanted| Cow::Borrowed(&wanted.resource));
        if let (Some((key, _)), Some(old), Some(new)) = (pair.before, &mut old, &mut new) {
            spell_data_type(&key.name, old);
            respell(old);
            if matches!(new.spec, Spec::Transfer(_)) {
                spell_data_type(&pair.key.name, new.to_mut());
            }
            if matches!(new.spec, Spec::Source(_)) {
                respell(new.to_mut());
            }
        }
        let fields = match &new {
            // What a deleted resource says is of no interest any more.
            None => Vec::new(),
            // What a new integration subscribes to may mean something for transfers that are there.
            Some(_) if brief && old.is_none() && pair.key.kind != Kind::Integration => Vec::new(),
            Some(new) => compare(pair.key.kind, old.as_ref(), Some(new))
                .map_err(|source| DiffError::Compare { key: pair.key.clone(), source })?,
        };
        let mut draft = Self { pair, raw, old, new, fields, references };
        if draft.old.is_none() {
            draft.fields.iter_mut().for_each(|field| field.consequence = Consequence::None);
        }
        Ok(draft)
    }

    /// Whether it is about a source that is there and says the same in another spelling.
    fn is_respelt(&self) -> bool {
        let stays = self.pair.key.kind == Kind::Source
            && self.old.is_some()
            && self.new.is_some()
            && self.pair.renamed_from().is_none();
        stays && self.fields.is_empty() && self.references.is_empty()
    }

    fn action(&self) -> Action {
        match (&self.old, &self.new) {
            (None, _) => Action::Create,
            (Some(_), None) => Action::Delete,
            (Some(_), Some(_)) if self.pair.renamed_from().is_some() => Action::Rename,
            (Some(old), Some(new)) => match (is_active(&old.spec), is_active(&new.spec)) {
                (false, true) => Action::Activate,
                (true, false) => Action::Deactivate,
                (false, false) | (true, true) => Action::Update,
            },
        }
    }

    /// The change that the draft has become; its fields go over into it.
    fn change(&mut self, effects: Vec<DataEffect>) -> Change {
        let mut fields = std::mem::take(&mut self.fields);
        fields.append(&mut self.references);
        fields.sort_by(|one, other| one.path.cmp(&other.path));
        Change {
            key: self.pair.key.clone(),
            action: self.action(),
            uid: self.pair.uid(),
            renamed_from: self.pair.renamed_from().cloned(),
            fields,
            effects,
            before: self.pair.before.map(|(_, entry)| entry.digest),
            after: self.pair.after.map(|wanted| wanted.digest),
        }
    }
}

const fn is_active(spec: &Spec) -> bool {
    match spec {
        Spec::Transfer(spec) => spec.active,
        Spec::Integration(spec) => spec.active,
        Spec::Stack(_) | Spec::Project(_) | Spec::Authorization(_) | Spec::Source(_) => false,
    }
}

/// A source as it is written today: an earlier version may have kept another spelling of the same.
fn respell(resource: &mut Resource) {
    if let Spec::Source(source) = &mut resource.spec {
        source.settings.make_canonical(&str::to_owned);
    }
}

/// A transfer's data type is its own name unless it says so: spelled out on both sides, it survives a rename.
fn spell_data_type(name: &Name, resource: &mut Resource) {
    if let Spec::Transfer(transfer) = &mut resource.spec
        && transfer.data_type.is_none()
    {
        transfer.data_type = name.as_str().parse::<DataTypeName>().ok();
    }
}

/// The data type that a transfer reads.
pub(crate) fn data_type<'a>(name: &'a Name, transfer: &'a TransferSpec) -> &'a str {
    transfer.data_type.as_ref().map_or(name.as_str(), DataTypeName::as_str)
}
