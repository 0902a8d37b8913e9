//! Takes the wanted fields out of raw JSON in one pass, without building a tree for the rest.
//!
//! A selector is a trie of paths; what it finds is borrowed raw JSON text. It also splits a list of records
//! into raw records in the same pass. It never converts a value.

mod found;
mod many;
mod records;

use std::fmt;
use std::ops::Range;

pub use found::{Found, Standing};
pub use many::Many;
pub use records::{Listed, MEMBER_NAME, MEMBER_VALUE, Other, RecordList, twice};

use raccord_model::field_path::{FieldPath, Step};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::de::Read;
use serde_json::value::RawValue;

/// The number of a path in the order in which a selector was given them.
pub type Slot = usize;

/// A set of paths, compiled.
#[derive(Debug, Clone)]
pub struct Selector {
    nodes: Vec<Node>,
    slots: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    members: Vec<(String, usize)>,
    elements: Vec<(usize, usize)>,
    slots: Vec<Slot>,
    is_list: bool,
    /// The slots of all the nodes below.
    slots_below: Vec<Slot>,
    /// Whether the list is here or below.
    leads_to_list: bool,
}

impl Node {
    fn is_leaf(&self) -> bool {
        self.members.is_empty() && self.elements.is_empty()
    }
}

/// A text that is not JSON.
#[derive(Debug, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct SelectError(#[from] serde_json::Error);

impl SelectError {
    /// The line and the column on which it shows.
    pub fn place(&self) -> (usize, usize) {
        (self.0.line(), self.0.column())
    }
}

impl Selector {
    /// Compiles paths; the slot of each is its number.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p FieldPath>) -> Self {
        Self::of_some(paths, |_| true)
    }

    /// Compiles only those paths of which `is_wanted` says so; each keeps the slot that it has among all.
    pub fn of_some<'p>(
        paths: impl IntoIterator<Item = &'p FieldPath>,
        is_wanted: impl Fn(Slot) -> bool,
    ) -> Self {
        let mut selector = Self { nodes: vec![Node::default()], slots: 0 };
        for path in paths {
            let slot = selector.slots;
            if is_wanted(slot) {
                let node = selector.node_at(path, |above| above.slots_below.push(slot));
                selector.nodes[node].slots.push(slot);
            }
            selector.slots += 1;
        }
        selector
    }

    /// The same selector, which also splits the list at a path.
    #[must_use]
    pub fn with_list(mut self, path: &FieldPath) -> Self {
        let node = self.node_at(path, |above| above.leads_to_list = true);
        self.nodes[node].is_list = true;
        self.nodes[node].leads_to_list = true;
        self
    }

    /// The node of a path; each one above it is shown to `pass`.
    fn node_at(&mut self, path: &FieldPath, mut pass: impl FnMut(&mut Node)) -> usize {
        let mut at = 0;
        for step in &path.0 {
            let next = self.nodes.len();
            let node = &mut self.nodes[at];
            pass(&mut *node);
            let known = match step {
                Step::Member(name) => {
                    node.members.iter().find(|(known, _)| known == name).map(|(_, child)| *child)
                }
                Step::Element(index) => {
                    node.elements.iter().find(|(known, _)| known == index).map(|(_, child)| *child)
                }
            };
            at = known.unwrap_or(next);
            if known.is_none() {
                match step {
                    Step::Member(name) => node.members.push((name.clone(), next)),
                    Step::Element(index) => node.elements.push((*index, next)),
                }
                self.nodes.push(Node::default());
            }
        }
        at
    }

    /// Finds the paths in one JSON text. `found` is emptied first and can be used again and again.
    pub fn select<'a>(&self, json: &'a [u8], found: &mut Found<'a>) -> Result<(), SelectError> {
        // A number beyond all floats is JSON, but the quick way stumbles over one where it wants to go on inside. Errors
        // are rare, so that text without one does not pay for the look that the careful way takes at each value beforehand.
        let Err(quick) = self.select_by(Way::Quick, json, found) else { return Ok(()) };
        let Err(careful) = self.select_by(Way::Careful, json, found) else { return Ok(()) };
        // The careful way counts anew inside of values: what shows later is what is wrong with the whole.
        let (quick, careful) = (SelectError(quick), SelectError(careful));
        Err(if careful.place() > quick.place() { careful } else { quick })
    }

    /// Finds the first value that each path leads to, and reads no further than the last of them: where a member comes twice,
    /// and in a text that is not JSON further on, this finds what [`Self::select`] does not. Returns whether all were found.
    pub fn guess<'a>(&self, json: &'a [u8], found: &mut Found<'a>) -> bool {
        found.clear(self.slots);
        found.missing = Some(self.nodes.iter().map(|node| node.slots.len()).sum());
        // It ends with an error as soon as nothing is missing.
        drop(self.look(Way::Quick, json, found));
        found.missing.take() == Some(0)
    }

    fn select_by<'a>(
        &self,
        way: Way,
        json: &'a [u8],
        found: &mut Found<'a>,
    ) -> Result<(), serde_json::Error> {
        found.clear(self.slots);
        self.look(way, json, found)
    }

    fn look<'a>(&self, way: Way, json: &'a [u8], found: &mut Found<'a>) -> Result<(), serde_json::Error> {
        // To look through the whole at once is cheaper than through each name and value. What is not UTF-8 may be none
        // of what is looked for.
        match std::str::from_utf8(json) {
            Ok(text) => self.look_from(way, serde_json::Deserializer::from_str(text), found),
            Err(_) => self.look_from(way, serde_json::Deserializer::from_slice(json), found),
        }
    }

    fn look_from<'a, R: Read<'a>>(
        &self,
        way: Way,
        mut json: serde_json::Deserializer<R>,
        found: &mut Found<'a>,
    ) -> Result<(), serde_json::Error> {
        NodeSeed { selector: self, way, node: 0, found }.deserialize(&mut json)?;
        json.end()
    }

    /// The name of a member on the way to what was found that the text has twice: a list or an object whatever is in it, another
    /// value when it is not the same. The last one counts: right for a record, where a parser has to choose, but of an envelope it may hide the records.
    pub fn repeated(&self, found: &Found<'_>) -> Option<&str> {
        let node = found.repeated?;
        let mut members = self.nodes.iter().flat_map(|above| &above.members);
        members.find(|(_, child)| *child == node).map(|(name, _)| name.as_str())
    }

    /// The column of each slot in a row with this header: only paths of one member can be columns.
    pub fn columns(paths: &[FieldPath], header: &[String]) -> Vec<Option<usize>> {
        paths
            .iter()
            .map(|path| match path.0.as_slice() {
                [Step::Member(name)] => header.iter().position(|column| column == name),
                _ => None,
            })
            .collect()
    }
}

/// Where a part is inside the whole it was borrowed from.
pub fn span_of(whole: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

/// How a value is gone into that has children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// At once.
    Quick,
    /// After its raw text was taken, and only when it is an object or a list.
    Careful,
}

struct NodeSeed<'s, 'f, 'a> {
    selector: &'s Selector,
    way: Way,
    node: usize,
    found: &'f mut Found<'a>,
}

impl NodeSeed<'_, '_, '_> {
    fn node(&self) -> &Node {
        &self.selector.nodes[self.node]
    }

    /// Passes a value without children.
    fn pass(self, standing: Standing) {
        if self.node().is_list {
            self.found.standing = standing;
        }
    }
}

impl<'a> DeserializeSeed<'a> for NodeSeed<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let node = self.node();
        if self.way == Way::Quick && node.slots.is_empty() && (node.is_leaf() || !node.is_list) {
            return deserializer.deserialize_any(self);
        }
        let raw: &'a RawValue = de::Deserialize::deserialize(deserializer)?;
        for slot in &self.selector.nodes[self.node].slots {
            self.found.put(self.node, *slot, raw.get());
        }
        self.again(raw.get()).map_err(de::Error::custom)
    }
}

impl<'a> NodeSeed<'_, '_, 'a> {
    /// Goes into a value whose raw text was taken already.
    fn again(self, raw: &'a str) -> Result<(), serde_json::Error> {
        let Self { selector, way, node, found } = self;
        let Node { is_list, .. } = selector.nodes[node];
        match raw.as_bytes().first() {
            Some(b'{' | b'[') => {}
            first => {
                if is_list {
                    found.standing = if first == Some(&b'n') { Standing::Null } else { Standing::Scalar };
                }
                return Ok(());
            }
        }
        if is_list {
            let list = ListOnly(&mut *found);
            serde_json::Deserializer::from_str(raw).deserialize_any(list)?;
        }
        if selector.nodes[node].is_leaf() {
            return Ok(());
        }
        let inner = Inside { selector, way, node, found };
        serde_json::Deserializer::from_str(raw).deserialize_any(inner)
    }
}

/// Goes through an object or a list for its children alone.
struct Inside<'s, 'f, 'a> {
    selector: &'s Selector,
    way: Way,
    node: usize,
    found: &'f mut Found<'a>,
}

/// Goes through an object or a list for its elements alone.
struct ListOnly<'f, 'a>(&'f mut Found<'a>);

impl<'a> Visitor<'a> for NodeSeed<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.pass(Standing::Scalar);
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.pass(Standing::Scalar);
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.pass(Standing::Scalar);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.pass(Standing::Scalar);
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.pass(Standing::Scalar);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.pass(Standing::Null);
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        if self.node().is_list {
            return ListOnly(self.found).visit_map(map);
        }
        Inside { selector: self.selector, way: self.way, node: self.node, found: self.found }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, seq: A) -> Result<(), A::Error> {
        if self.node().is_list {
            return ListOnly(self.found).visit_seq(seq);
        }
        Inside { selector: self.selector, way: self.way, node: self.node, found: self.found }.visit_seq(seq)
    }
}

impl<'a> Visitor<'a> for Inside<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { selector, way, node, found } = self;
        while let Some(child) = map.next_key_seed(MemberSeed(&selector.nodes[node].members))? {
            match child {
                Some(node) => {
                    found.forget_below(node, &selector.nodes[node]);
                    map.next_value_seed(NodeSeed { selector, way, node, found: &mut *found })?;
                    if found.is_enough() {
                        return Err(de::Error::custom("everything was found"));
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { selector, way, node, found } = self;
        for at in 0.. {
            let child = selector.nodes[node].elements.iter().find(|(index, _)| *index == at);
            let more = match child {
                Some(&(_, node)) => {
                    seq.next_element_seed(NodeSeed { selector, way, node, found: &mut *found })?.is_some()
                }
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

impl<'a> Visitor<'a> for ListOnly<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.standing = Standing::Object;
        while let Some((IgnoredAny, raw)) = map.next_entry::<IgnoredAny, &'a RawValue>()? {
            self.0.list.push(raw.get());
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.standing = Standing::List;
        while let Some(raw) = seq.next_element::<&'a RawValue>()? {
            self.0.list.push(raw.get());
        }
        Ok(())
    }
}

/// Finds a member's node by its name without keeping the name.
struct MemberSeed<'s>(&'s [(String, usize)]);

impl<'de> DeserializeSeed<'de> for MemberSeed<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberSeed<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().find(|(known, _)| known == name).map(|(_, child)| *child))
    }
}

#[cfg(test)]
mod tests;
