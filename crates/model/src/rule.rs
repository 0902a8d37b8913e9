//! The form of a rule of [`consequence`](crate::consequence): which field, and what a change of it means for the data. The
//! connectors state rules of their own in this form; what the rules are does not stand here.

use crate::key::Kind;
use crate::plan::Consequence;

/// What a rule says about a changed field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Always the same.
    Always(Consequence),
    /// It is the switch: the change is an activation or a deactivation.
    Activity,
    /// A map of parts: one added does nothing, one removed and one changed have consequences of their own.
    Parts {
        /// When a part goes.
        removed: Consequence,
        /// When it appears.
        added: Consequence,
    },
    /// Update types: a wider choice reads again, `deleted` starts or stops deletions, a narrower one does nothing.
    Updates,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Of which kind.
    pub kind: Kind,
    /// The path inside `spec`; `*` is any name. The longest rule that is a prefix of a path applies.
    pub path: &'static str,
    /// What a change means.
    pub effect: Effect,
    /// Why, when it is not plain.
    pub note: &'static str,
}

pub(crate) const fn rule(kind: Kind, path: &'static str, consequence: Consequence) -> Rule {
    Rule { kind, path, effect: Effect::Always(consequence), note: "" }
}

pub(crate) const fn noted(kind: Kind, path: &'static str, effect: Effect, note: &'static str) -> Rule {
    Rule { kind, path, effect, note }
}
