//! A document as a tree in which every key and value knows its place.
//!
//! The tree borrows its texts from the file. It is never changed while all goes well; only after a
//! mistake a copy is pruned, so that the other mistakes can be found.

use std::borrow::Cow;

/// A place in a file: line and column count from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The line in the file.
    pub(crate) line: u32,
    /// The column of the first character.
    pub(crate) column: u32,
    /// How many characters are meant; 0 is the rest of the line.
    pub(crate) length: u32,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node<'t> {
    /// What stands there.
    pub(crate) value: Value<'t>,
    /// Where.
    pub(crate) span: Span,
}

/// What can stand in a document.
#[derive(Debug, Clone)]
pub(crate) enum Value<'t> {
    /// A text, number, boolean or nothing: which one is only decided when it is read.
    Scalar {
        /// The text, escapes resolved.
        text: Cow<'t, str>,
        /// Whether it stands without quotes.
        plain: bool,
    },
    /// A list.
    Seq(Vec<Node<'t>>),
    /// A map, its keys in the order written, each once.
    Map(Vec<Entry<'t>>),
    /// A value that was taken out after a mistake.
    Pruned,
    /// What a required value that is missing is replaced by, to find the mistakes after it; the number
    /// says which of the possible texts is tried.
    StandIn(usize),
}

/// One member of a map.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'t> {
    /// The key.
    pub(crate) key: Cow<'t, str>,
    /// Where the key stands.
    pub(crate) key_span: Span,
    /// The value.
    pub(crate) node: Node<'t>,
}

impl<'t> Node<'t> {
    /// The member of a map.
    pub(crate) fn member(&self, key: &str) -> Option<&Entry<'t>> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The members of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry<'t>] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The elements of a list; none for anything else.
    pub(crate) fn elements(&self) -> &[Self] {
        if let Value::Seq(items) = &self.value { items } else { &[] }
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Scalar { text, .. } = &self.value { Some(text) } else { None }
    }

    /// The text of a member that is a scalar.
    pub(crate) fn member_text(&self, key: &str) -> Option<&str> {
        self.member(key).and_then(|entry| entry.node.text())
    }

    /// Whether it is a list or a map.
    pub(crate) const fn is_collection(&self) -> bool {
        matches!(self.value, Value::Seq(_) | Value::Map(_))
    }

    /// One step down, with the place that names the step.
    fn step(&self, segment: &str) -> Option<(&Self, Option<Span>)> {
        if let Value::Seq(items) = &self.value {
            return segment.parse::<usize>().ok().and_then(|at| items.get(at)).map(|item| (item, None));
        }
        self.member(segment).map(|entry| (&entry.node, Some(entry.key_span)))
    }

    /// The value at a path.
    pub(crate) fn find(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| Some(node.step(segment)?.0))
    }

    /// The place of the value at a path: the value when it is a scalar, otherwise its key. When the path
    /// leads nowhere, the place of the last thing on it that is there.
    pub(crate) fn locate(&self, path: &[String]) -> Span {
        let (mut node, mut key) = (self, None);
        for segment in path {
            let Some((next, next_key)) = node.step(segment) else {
                return node.place(key);
            };
            (node, key) = (next, next_key);
        }
        node.place(key)
    }

    /// The place of the name of the member that a path leads to.
    pub(crate) fn locate_name(&self, path: &[String]) -> Option<Span> {
        let (last, parent) = path.split_last()?;
        self.find(parent)?.member(last).map(|entry| entry.key_span)
    }

    /// Where a mistake about this node is shown, when its key stands at `key`.
    pub(crate) fn place(&self, key: Option<Span>) -> Span {
        match key {
            Some(key) if self.is_collection() || self.is_absent() => key,
            // A document as a whole is shown by its first key.
            None => self.entries().first().map_or(self.span, |entry| entry.key_span),
            Some(_) => self.span,
        }
    }

    /// Whether nothing at all was written.
    fn is_absent(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if text.is_empty() || text == "~")
    }

    /// A path as people write it: `spec.alerts[0].email`.
    pub(crate) fn path_text(&self, path: &[String]) -> String {
        let mut text = String::new();
        let mut node = Some(self);
        for segment in path {
            let in_list = node.is_some_and(|node| matches!(node.value, Value::Seq(_)));
            if in_list {
                text.extend(["[", segment, "]"]);
            } else if segment.is_empty() || segment.contains(['.', '[', ']', ' ']) {
                text.extend(["[\"", segment, "\"]"]);
            } else {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(segment);
            }
            node = node.and_then(|node| node.step(segment)).map(|(next, _)| next);
        }
        text
    }

    /// How many levels there are, itself included.
    pub(crate) fn height(&self) -> usize {
        1 + match &self.value {
            Value::Seq(items) => items.iter().map(Self::height).max().unwrap_or(0),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.height()).max().unwrap_or(0),
            Value::Scalar { .. } | Value::Pruned | Value::StandIn(_) => 0,
        }
    }
}
