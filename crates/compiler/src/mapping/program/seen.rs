//! Which paths of a program its records had, and what it would mean for rows that are there that none had one.
//!
//! A path that feeds a field alone is missed when nothing of it was seen. One that feeds a field together with others may
//! be one of several that a record has in turn, so that it is missed only where records are known to have had it.

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
    /// The paths into the record that none of its records had, by what was seen of them: those that feed fields, and those of
    /// what marks a record as deleted and of its version. A cursor that cannot be read is told by itself.
    pub fn unseen(&self, seen: &[bool]) -> Vec<String> {
        let marks = [&self.deleted, &self.version].into_iter().flatten();
        let inputs: Vec<&Input> = self.assignments.iter().map(|field| &field.input).chain(marks).collect();
        let feeds = |slot: usize| inputs.iter().any(|input| input.takes(slot));
        let unseen =
            self.paths.iter().enumerate().filter(|(slot, _)| feeds(*slot) && seen.get(*slot) != Some(&true));
        unseen.map(|(_, path)| path.to_string()).collect()
    }

    /// The paths that feed a field together with others, or with what does not come from the record.
    pub fn joint(&self) -> impl Iterator<Item = String> {
        let is_joint = |slot: usize| {
            let takes = |field: &&Assignment| field.input.takes(slot);
            self.assignments.iter().filter(takes).any(|field| !field.input.is_wholly(&|taken| taken == slot))
        };
        let paths = self.paths.iter().enumerate();
        paths.filter(move |(slot, _)| is_joint(*slot)).map(|(_, path)| path.to_string())
    }

    /// The fields that these unseen paths would empty or replace in rows that are there, in ascending order. A field of
    /// an expression is one when no path of it was seen, and when one of those is among them that records are `known` to
    /// have had.
    pub fn suspects(&self, unseen: &[String], known: &[String]) -> Vec<FieldId> {
        if unseen.is_empty() {
            return Vec::new();
        }
        let unseen: Vec<Option<bool>> = self
            .paths
            .iter()
            .map(ToString::to_string)
            .map(|path| unseen.contains(&path).then(|| known.contains(&path)))
            .collect();
        let is_unseen = |slot: usize| unseen.get(slot).copied().flatten().is_some();
        let lost = |field: &Assignment| {
            let is_lost =
                |(slot, lost): (usize, &Option<bool>)| *lost == Some(true) && field.input.takes(slot);
            unseen.iter().enumerate().any(is_lost)
        };
        let is_suspect = |field: &&Assignment| {
            let replaces = match field.on_missing {
                Some(OnMissing::Keep | OnMissing::Reject) => false,
                Some(OnMissing::Clear | OnMissing::Default) => true,
                None => matches!(field.on_empty, OnEmpty::Clear | OnEmpty::Default),
            };
            !field.is_key && replaces && (field.input.is_wholly(&is_unseen) || lost(field))
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
