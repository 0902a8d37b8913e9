//! Why a plan may not be applied. Refusals are part of the plan, so that it can be looked at all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use raccord_model::fact::Uid;
use raccord_model::language::stack::DEFAULT_STACK;
use raccord_model::name::EntityRef;
use raccord_model::plan::{Action, Consequence};
use raccord_model::port::state::Head;
use raccord_model::{Ident, Key, Kind, Name, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diff::Options;
use crate::lost::LostRows;
use crate::plan::{Change, DataEffect, Note, Subject};

/// One reason why a plan may not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// The state belongs to another stack.
    Stack {
        /// Whose it is.
        owner: Name,
        /// Who asks.
        asking: Name,
    },
    /// The resource says `protect: true`.
    Protected {
        /// Which.
        key: Key,
    },
    /// A resource would be deleted.
    Delete {
        /// Which.
        key: Key,
    },
    /// The rows of an entity would be dropped.
    Drop {
        /// Which.
        entity: EntityRef,
        /// How many rows, when that is known.
        records: Option<u64>,
    },
    /// The values of a field would be dropped.
    DropField {
        /// Of which entity.
        entity: EntityRef,
        /// Which.
        field: Ident,
        /// In how many rows, when that is known.
        records: Option<u64>,
    },
    /// The table of an entity cannot be used as it is.
    Table {
        /// Which.
        entity: EntityRef,
        /// Its table, with the schema.
        table: String,
        /// Why, and what to do about it.
        message: String,
    },
    /// The rows of an entity would get other keys.
    Rekey {
        /// Which.
        entity: EntityRef,
        /// How many rows, when that is known; those that would be lost are none of them.
        records: Option<u64>,
    },
    /// Rows of an entity that gets other keys would be dropped, and nothing would read them again.
    Lose {
        /// Which.
        entity: EntityRef,
        /// Whose rows, and why.
        lost: Vec<LostRows>,
    },
}

impl Refusal {
    /// The flag that lifts it; `None` when no flag does.
    pub const fn flag(&self) -> Option<&'static str> {
        match self {
            Self::Stack { .. } | Self::Protected { .. } | Self::Table { .. } => None,
            Self::Delete { .. } | Self::Drop { .. } | Self::DropField { .. } | Self::Lose { .. } => {
                Some("--allow-delete")
            }
            Self::Rekey { .. } => Some("--allow-rekey"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |records: &Option<u64>| match records {
            Some(1) => "1 row".to_owned(),
            Some(count) => format!("{count} rows"),
            None => "the rows".to_owned(),
        };
        match self {
            Self::Stack { owner, asking } => {
                write!(f, "the state belongs to stack `{owner}`, not to `{asking}`")?;
                if asking.as_str() == DEFAULT_STACK {
                    // A configuration without a Stack asks for this one.
                    write!(
                        f,
                        "; a document of the kind Stack with the name `{owner}` has to stay (`spec: {{}}` will do), or \
                         gets the name `{asking}` first (`raccord/renamed-from: {owner}`)"
                    )?;
                }
                Ok(())
            }
            Self::Protected { key } => {
                write!(f, "{key} is protected: set `protect: false`, apply, and delete it after that")
            }
            Self::Delete { key } => write!(f, "{key} would be deleted"),
            Self::Drop { entity, records } => write!(f, "{} of {entity} would be dropped", rows(records)),
            Self::DropField { entity, field, records } => {
                write!(f, "`{field}` would be dropped from {} of {entity}", rows(records))
            }
            Self::Table { entity, table, message } => {
                write!(f, "the table {table} cannot hold {entity}: {message}")
            }
            // All of its rows are lost, or there are none.
            Self::Rekey { entity, records: Some(0) } => write!(f, "{entity} would be kept under other keys"),
            Self::Rekey { entity, records } => {
                write!(f, "{} of {entity} would be dropped and read again under other keys", rows(records))
            }
            Self::Lose { entity, lost } => {
                let lost: Vec<String> = lost.iter().map(LostRows::to_string).collect();
                write!(f, "rows of {entity} would be dropped and not read again: {}", lost.join(", "))
            }
        }
    }
}

/// What is checked before a plan may be applied.
pub(crate) struct Checked<'a> {
    /// The state.
    pub(crate) head: &'a Head,
    /// Who asks.
    pub(crate) stack: &'a Name,
    /// The changes.
    pub(crate) changes: &'a [Change],
    /// What they mean for the data.
    pub(crate) effects: &'a [DataEffect],
    /// What deleted resources say now.
    pub(crate) deleted: &'a BTreeMap<Key, &'a Resource>,
}

impl Checked<'_> {
    /// Every reason against it, the gravest first.
    pub(crate) fn refusals(&self, options: &Options) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if let Some(owner) = self.other_owner() {
            refusals.push(Refusal::Stack { owner: owner.clone(), asking: self.stack.clone() });
        }
        for change in self.changes.iter().filter(|change| change.action == Action::Delete) {
            let key = change.key.clone();
            if self.deleted.get(&change.key).is_some_and(|resource| resource.spec.protect()) {
                refusals.push(Refusal::Protected { key });
            } else if !options.allow_delete && !self.is_owner(&key) {
                refusals.push(Refusal::Delete { key });
            }
        }
        let gone = self.deleted_projects();
        refusals.extend(self.effects.iter().filter_map(|effect| refused(effect, &gone, options)));
        refusals.extend(self.effects.iter().filter(|_| !options.allow_delete).filter_map(loses));
        refusals
    }

    /// The note that the state's stack gets another name.
    pub(crate) fn stack_note(&self) -> Option<Note> {
        let moves = self.head.stack.as_ref().is_some_and(|owner| owner != self.stack);
        (moves && self.other_owner().is_none()).then(|| Note::StackNamed { stack: self.stack.clone() })
    }

    /// The stack that the state belongs to, when it is another one. A rename of the stack is no other stack; a
    /// state of the nameless stack may get a name as long as nothing of it is deleted.
    fn other_owner(&self) -> Option<&Name> {
        let owner = self.head.stack.as_ref().filter(|owner| *owner != self.stack)?;
        let allowed = if owner.as_str() == DEFAULT_STACK {
            !self.changes.iter().any(|change| change.action == Action::Delete)
        } else {
            self.changes.iter().any(|change| {
                change.key.kind == Kind::Stack
                    && change.key.name == *self.stack
                    && change.renamed_from.as_ref() == Some(owner)
            })
        };
        (!allowed).then_some(owner)
    }

    /// Whether a stack is the owner of the state, whose deletion no flag allows.
    fn is_owner(&self, key: &Key) -> bool {
        key.kind == Kind::Stack && self.other_owner() == Some(&key.name)
    }

    /// Projects whose deletion is refused as such: their entities need no line of their own.
    fn deleted_projects(&self) -> BTreeSet<Uid> {
        let gone = |change: &&Change| change.action == Action::Delete && change.key.kind == Kind::Project;
        self.changes.iter().filter(gone).filter_map(|change| change.uid).collect()
    }
}

/// The refusal of an effect by which rows are lost.
pub fn loses(effect: &DataEffect) -> Option<Refusal> {
    let Subject::Entity { entity, .. } = &effect.subject else { return None };
    let lost = || Refusal::Lose { entity: entity.clone(), lost: effect.lost.clone() };
    (!effect.lost.is_empty()).then(lost)
}

fn refused(effect: &DataEffect, gone: &BTreeSet<Uid>, options: &Options) -> Option<Refusal> {
    let records = effect.records;
    match (&effect.subject, effect.consequence) {
        (Subject::Entity { entity, .. }, Consequence::Rekey) if !options.allow_rekey => {
            Some(Refusal::Rekey { entity: entity.clone(), records: effect.kept() })
        }
        (Subject::Entity { project, entity }, Consequence::Drop)
            if !options.allow_delete && !gone.contains(project) =>
        {
            Some(Refusal::Drop { entity: entity.clone(), records })
        }
        (Subject::Field { entity, field, .. }, _) if !options.allow_delete => {
            Some(Refusal::DropField { entity: entity.clone(), field: field.clone(), records })
        }
        _ => None,
    }
}
