//! Which rule an event falls under: the one of its own name, else the longest beginning that is listed.

use std::collections::BTreeMap;

/// What is done about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing.
    Ignore,
    /// It is taken as the event of this number.
    Take(usize),
}

/// The events that are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    names: BTreeMap<String, Rule>,
    /// The longest first.
    beginnings: Vec<(String, Rule)>,
}

impl Events {
    /// Lists the event of a name.
    pub(super) fn add_name(&mut self, name: &str, rule: Rule) {
        self.names.insert(name.to_owned(), rule);
    }

    /// Lists all events that begin alike.
    pub(super) fn add_beginning(&mut self, beginning: &str, rule: Rule) {
        let at = self.beginnings.partition_point(|(other, _)| other.len() >= beginning.len());
        self.beginnings.insert(at, (beginning.to_owned(), rule));
    }

    /// The rule of an event; `None` when it is not listed at all.
    pub(super) fn find(&self, event: &str) -> Option<Rule> {
        let beginning =
            || self.beginnings.iter().find(|(beginning, _)| event.starts_with(beginning.as_str()));
        self.names.get(event).copied().or_else(|| beginning().map(|(_, rule)| *rule))
    }
}
