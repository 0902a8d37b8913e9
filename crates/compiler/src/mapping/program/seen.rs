//! Which paths of a program its records had, and what it would mean for rows that are there that none had one.

use raccord_model::language::{OnEmpty, OnMissing};
use raccord_model::row::FieldId;

use super::{Assignment, Input, Program};

impl Input {
    /// Whether it takes a path of the record.
    fn takes(&self, slot: usize) -> bool {
        match self {
            Self::Slot(taken) => *taken == slot,
            Self::Parent(_) | Self::Constant(_) => false,
            Self::Expression(_, inputs) => inputs.iter().any(|input| input.takes(slot)),
        }
    }

    /// Whether it takes paths of the record alone, and all of them are such.
    fn is_wholly(&self, is_such: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Slot(slot) => is_such(*slot),
            Self::Parent(_) | Self::Constant(_) => false,
            Self::Expression(_, inputs) => {
                !inputs.is_empty() && inputs.iter().all(|input| input.is_wholly(is_such))
            }
        }
    }
}

impl Program {
    /// The paths into the record that none of its records had, by what was seen of them.
    pub fn unseen(&self, seen: &[bool]) -> Vec<String> {
        let feeds = |slot: usize| self.assignments.iter().any(|field| field.input.takes(slot));
        let unseen =
            self.paths.iter().enumerate().filter(|(slot, _)| feeds(*slot) && seen.get(*slot) != Some(&true));
        unseen.map(|(_, path)| path.to_string()).collect()
    }

    /// The fields that these unseen paths would empty or replace in rows that are there, in ascending order. A field of
    /// an expression is one when no path of it was seen.
    pub fn suspects(&self, unseen: &[String]) -> Vec<FieldId> {
        if unseen.is_empty() {
            return Vec::new();
        }
        let is_unseen =
            |slot: usize| self.paths.get(slot).is_some_and(|path| unseen.contains(&path.to_string()));
        let is_suspect = |field: &&Assignment| {
            let replaces = match field.on_missing {
                Some(OnMissing::Keep | OnMissing::Reject) => false,
                Some(OnMissing::Clear | OnMissing::Default) => true,
                None => matches!(field.on_empty, OnEmpty::Clear | OnEmpty::Default),
            };
            !field.is_key && replaces && field.input.is_wholly(&is_unseen)
        };
        self.assignments.iter().filter(is_suspect).map(|field| field.id).collect()
    }

    /// The paths that feed a field.
    pub fn paths_of(&self, field: FieldId) -> impl Iterator<Item = String> {
        let feeding = self.assignments.iter().find(|assignment| assignment.id == field);
        let paths = self.paths.iter().enumerate();
        paths
            .filter(move |(slot, _)| feeding.is_some_and(|field| field.input.takes(*slot)))
            .map(|(_, path)| path.to_string())
    }
}
