//! What a selector found in one text, and what it forgets where a member comes again. It reads nothing itself.

use super::{Node, Slot};

/// What a selector found in one text.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// By slot: the raw JSON of the value, when the path leads to one.
    pub values: Vec<Option<&'a str>>,
    /// The raw JSON of each element of the list, or of each member when an object stands in its place.
    pub list: Vec<&'a str>,
    /// What stands where the list was looked for.
    pub standing: Standing,
    /// How many values are still to be found, where one of each is enough.
    pub(super) missing: Option<usize>,
    /// The node of a member that came again: with a list or what is below it, or not as it was before.
    pub(super) repeated: Option<usize>,
}

/// What stands where a list was looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    #[default]
    Absent,
    /// Null.
    Null,
    /// A text, a number or a boolean.
    Scalar,
    /// A list.
    List,
    /// An object, whose members are taken for the elements.
    Object,
}

impl<'a> Found<'a> {
    /// Whether a list, or an object, stands where the list was looked for.
    pub const fn has_list(&self) -> bool {
        matches!(self.standing, Standing::List | Standing::Object)
    }

    /// Takes values that were found otherwise, by slot.
    pub(crate) fn take(&mut self, values: impl Iterator<Item = Option<&'a str>>) {
        self.clear(0);
        self.values.extend(values);
    }

    pub(super) fn clear(&mut self, slots: usize) {
        self.values.clear();
        self.values.resize(slots, None);
        self.missing = None;
        self.repeated = None;
        self.forget_list();
    }

    /// Keeps the value of a node's slot.
    pub(super) fn put(&mut self, node: usize, slot: Slot, value: &'a str) {
        let Some(place) = self.values.get_mut(slot) else { return };
        if let Some(missing) = &mut self.missing {
            if place.is_some() {
                return;
            }
            *missing -= 1;
        } else if place.is_some_and(|before| before != value) {
            self.repeated = Some(node);
        }
        *place = Some(value);
    }

    /// Whether nothing more is looked for.
    pub(super) fn is_enough(&self) -> bool {
        self.missing == Some(0)
    }

    pub(super) fn forget_list(&mut self) {
        self.list.clear();
        self.standing = Standing::Absent;
    }

    /// Forgets what was found below a node, because its member came again, and the last one counts. What is found at
    /// the node itself is replaced anyway.
    pub(super) fn forget_below(&mut self, number: usize, node: &Node) {
        if self.missing.is_some() {
            return;
        }
        let mut is_forgotten = false;
        for slot in &node.slots_below {
            if let Some(value) = self.values.get_mut(*slot) {
                is_forgotten |= value.take().is_some();
            }
        }
        if node.leads_to_list {
            is_forgotten |= self.standing != Standing::Absent;
            self.forget_list();
        }
        if is_forgotten {
            self.repeated = Some(number);
        }
    }
}
