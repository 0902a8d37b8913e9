//! What is kept of entities: under which number their rows are, and what their fields are called in them.
//!
//! An incarnation is the generation that allots it and a number within it, so that none is ever used twice and
//! no counter has to be kept. Ids of fields are allotted in ascending order and never again.

use std::collections::BTreeMap;

use raccord_model::Ident;
use raccord_model::fact::{self, EntityFact, StepFact, StepWork, StorePlace, Uid};
use raccord_model::language::{Entity, ProjectSpec};
use raccord_model::plan::Consequence;
use raccord_model::port::state::{Table, Write};
use raccord_model::row::FieldId;

use crate::commit::CommitError;
use crate::current::Facts;

/// How many incarnations one generation can allot.
const PER_GENERATION: u64 = 1 << 20;

/// The id of the first field of an entity.
const FIRST_FIELD: FieldId = 1;

/// Allots incarnations.
#[derive(Debug)]
pub(crate) struct Incarnations {
    next: u64,
    end: u64,
}

impl Incarnations {
    /// Those of one generation.
    pub(crate) fn of(generation: u64) -> Result<Self, CommitError> {
        let next = generation.checked_mul(PER_GENERATION).ok_or(CommitError::Exhausted)?;
        Ok(Self { next, end: next.checked_add(PER_GENERATION).ok_or(CommitError::Exhausted)? })
    }

    fn allot(&mut self) -> Result<u64, CommitError> {
        let incarnation = self.next;
        if incarnation == self.end {
            return Err(CommitError::Exhausted);
        }
        self.next += 1;
        Ok(incarnation)
    }
}

/// One project of which something changes that entities' facts depend on.
#[derive(Debug, Default)]
pub(crate) struct ProjectWork<'a> {
    /// What it will say; `None` when it goes.
    pub(crate) after: Option<&'a ProjectSpec>,
    /// The entities whose rows go, though they stay.
    pub(crate) renewed: BTreeMap<Ident, Consequence>,
}

/// The changes to the facts of a project's entities, whose rows are at a place now, and the steps that collect rows nothing
/// refers to.
pub(crate) fn writes(
    project: Uid,
    (work, place): (&ProjectWork<'_>, &StorePlace),
    facts: &Facts,
    incarnations: &mut Incarnations,
) -> Result<Vec<Write>, CommitError> {
    let known: BTreeMap<&Ident, &EntityFact> = facts
        .entities
        .iter()
        .filter(|((uid, _), _)| *uid == project)
        .map(|((_, entity), fact)| (entity, fact))
        .collect();
    let mut writes = Vec::new();
    let entities = work.after.iter().flat_map(|project| &project.entities);
    for (name, entity) in entities {
        let before = known.get(name).copied();
        let fact = match before {
            None => fresh(entity, incarnations.allot()?)?,
            Some(fact) => {
                let mut fact = with_fields(fact.clone(), entity)?;
                if let Some(consequence) = work.renewed.get(name) {
                    if *consequence == Consequence::Rekey && *place != StorePlace::Embedded {
                        // They stand in a table or a folder that stays: who makes it ready for the other keys takes them away.
                        fact.replaces.push(fact.incarnation);
                    } else {
                        writes.extend(collect(&fact, place)?);
                        fact.replaces.clear();
                    }
                    fact.incarnation = incarnations.allot()?;
                }
                fact
            }
        };
        if before != Some(&fact) {
            writes.push(Write::Put(Table::Entities, key(project, name), fact::write(&fact)?));
        }
    }
    for (name, fact) in known {
        if !work.after.is_some_and(|after| after.entities.contains_key(name)) {
            writes.push(Write::Remove(Table::Entities, key(project, name)));
            writes.extend(collect(fact, place)?);
        }
    }
    Ok(writes)
}

fn key(project: Uid, entity: &Ident) -> String {
    format!("{project}/{entity}")
}

/// The steps that collect what is kept of an entity.
fn collect(entity: &EntityFact, place: &StorePlace) -> Result<Vec<Write>, CommitError> {
    let step = |incarnation: &u64| {
        let work = StepWork::Collect { incarnation: *incarnation, at: place.clone() };
        let step = StepFact { work, attempts: 0, error: None };
        Ok(Write::Put(Table::Steps, format!("collect/{incarnation:020}"), fact::write(&step)?))
    };
    entity.replaces.iter().chain([&entity.incarnation]).map(step).collect()
}

/// What will be known of an entity once it is applied as it stands here, but for the incarnation of one that is new.
pub fn entity_after(before: Option<&EntityFact>, entity: &Entity) -> Result<EntityFact, CommitError> {
    before.map_or_else(|| fresh(entity, 0), |fact| with_fields(fact.clone(), entity))
}

fn fresh(entity: &Entity, incarnation: u64) -> Result<EntityFact, CommitError> {
    with_fields(
        EntityFact { incarnation, fields: BTreeMap::new(), next_field: FIRST_FIELD, replaces: Vec::new() },
        entity,
    )
}

/// Allots an id to every field that has none: the key's fields in their order, then the others by name. What
/// is gone keeps no id, and its id is not used again.
fn with_fields(mut fact: EntityFact, entity: &Entity) -> Result<EntityFact, CommitError> {
    fact.fields.retain(|name, _| entity.fields.contains_key(name));
    let key = entity.key.0.iter().filter(|name| entity.fields.contains_key(*name));
    for name in key.chain(entity.fields.keys()) {
        if !fact.fields.contains_key(name) {
            fact.fields.insert(name.clone(), fact.next_field);
            fact.next_field = fact.next_field.checked_add(1).ok_or(CommitError::Exhausted)?;
        }
    }
    Ok(fact)
}
