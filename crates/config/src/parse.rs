//! One document's text read into a tree with places.
//!
//! Anchors and merge keys are expanded here, within a budget, so that nothing after this knows of them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag, options};
use raccord_model::diagnostic::Code;

use crate::node::{Entry, Node, Span, Value};
use crate::split::Chunk;
use crate::syntax;

/// How deep lists and maps may be nested in one document.
pub const MAX_DEPTH: usize = 64;
/// How many values one document may hold once its aliases are expanded.
pub const MAX_NODES: usize = 100_000;
/// How long a key may be, in characters. YAML itself stops at 1,024.
const MAX_KEY: usize = 4_096;
/// Up to how many members a map is searched for repeated keys pair by pair.
const SMALL: usize = 12;

/// A mistake at a place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// What became of a document's text.
#[derive(Debug)]
pub(crate) struct Parsed<'t> {
    /// The tree; none when the text cannot be read.
    pub(crate) root: Option<Node<'t>>,
    /// The mistakes.
    pub(crate) problems: Vec<Problem>,
    /// How many values were read, aliases expanded.
    pub(crate) values: usize,
}

/// Reads one document.
pub(crate) fn parse<'t>(chunk: &Chunk<'t>) -> Parsed<'t> {
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        simple_key_max_lookahead: MAX_KEY,
    };
    let mut reader = Reader {
        chunk: *chunk,
        events: Parser::new_from_str_with_options(chunk.text, options),
        nodes: 0,
        anchors: HashMap::new(),
        problems: Vec::new(),
        items: Vec::new(),
        entries: Vec::new(),
    };
    let root = match reader.document() {
        Ok(root) => root,
        Err(problem) => {
            reader.problems.push(*problem);
            None
        }
    };
    Parsed { root, problems: reader.problems, values: reader.nodes }
}

/// What an anchor stands for, and how much of the budget each use of it takes.
struct Anchored<'t> {
    node: Node<'t>,
    size: usize,
    height: usize,
}

struct Reader<'t> {
    chunk: Chunk<'t>,
    events: Parser<'t, StrInput<'t>>,
    nodes: usize,
    anchors: HashMap<usize, Anchored<'t>>,
    problems: Vec<Problem>,
    /// The elements and the members of the lists and maps that are not at their end yet, the innermost last. From here each
    /// gets a list of just its size: a tree has many that are small.
    items: Vec<Node<'t>>,
    entries: Vec<Entry<'t>>,
}

type Read<T> = Result<T, Box<Problem>>;

impl<'t> Reader<'t> {
    fn document(&mut self) -> Read<Option<Node<'t>>> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event if root.is_none() => root = Some(self.node(event, span, 1)?),
                _ => {
                    let message = "the text goes on after the document has ended".to_owned();
                    return failed(span, Code::YamlSyntax, message, None);
                }
            }
        }
        Ok(root)
    }

    fn next(&mut self) -> Read<Option<(Event<'t>, Span)>> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.span(&span.start, &span.end)))),
            Some(Err(error)) => Err(Box::new(syntax::problem(&error, &self.chunk))),
        }
    }

    /// The event after this one, where the grammar promises one.
    fn following(&mut self) -> Read<(Event<'t>, Span)> {
        let Some(next) = self.next()? else {
            let end = Span { line: self.chunk.lines_before + 1, column: 1, length: 1 };
            return failed(end, Code::YamlSyntax, "the document ends too early", None);
        };
        Ok(next)
    }

    fn span(&self, start: &Marker, end: &Marker) -> Span {
        span_of(self.chunk.lines_before, start, end)
    }

    /// Counts one value, or a whole expanded alias.
    fn count(&mut self, nodes: usize, depth: usize, span: Span) -> Read<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        if depth > MAX_DEPTH {
            let message = format!("lists and maps are nested more than {MAX_DEPTH} deep");
            return failed(span, Code::TooLarge, message, None);
        }
        if self.nodes > MAX_NODES {
            let message = format!("the document holds more than {MAX_NODES} values");
            let help = "every use of an alias counts as what it stands for; split the document";
            return failed(span, Code::TooLarge, message, Some(help));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Read<Node<'t>> {
        if let Event::Alias(anchor) = event {
            return self.alias(anchor, span, depth);
        }
        self.count(1, depth, span)?;
        let before = self.nodes;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                let known: &[&str] =
                    if is_plain { &["str", "int", "float", "bool", "null"] } else { &["str"] };
                self.check_tag(tag.as_deref(), known, span);
                let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                (Value::Scalar { text, plain: is_plain && !is_text }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["seq"], span);
                (self.sequence(depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["map"], span);
                (self.mapping(depth)?, anchor)
            }
            _ => {
                let message = "this cannot stand here".to_owned();
                return failed(span, Code::YamlSyntax, message, None);
            }
        };
        let node = Node { value, span };
        if anchor > 0 {
            let (size, height) = (1 + self.nodes - before, node.height());
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, height });
        }
        Ok(node)
    }

    /// Reports a tag that is not one of these of YAML's own: it would be left out, and the value be something else than its
    /// writer meant.
    fn check_tag(&mut self, tag: Option<&Tag>, known: &[&str], span: Span) {
        let Some(tag) = tag.filter(|tag| known.iter().all(|name| !tag.is_yaml_core_schema_tag(name))) else {
            return;
        };
        let (handle, suffix) = tag.original_parts();
        let name: String = handle.chars().chain(suffix.chars()).take(60).collect();
        let message = format!("the tag `{name}` means nothing to Raccord");
        let help = "write the value without a tag, in quotes if it is a text; a variable is \"${env:NAME}\", the content of a file \
                    \"${file:PATH}\"";
        self.problems.push(Problem { span, code: Code::InvalidValue, message, help: Some(help.to_owned()) });
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Read<Node<'t>> {
        let Some((size, height)) = self.anchors.get(&anchor).map(|known| (known.size, known.height)) else {
            let message = "an alias stands inside what it refers to".to_owned();
            return failed(span, Code::YamlSyntax, message, None);
        };
        self.count(size, depth + height - 1, span)?;
        // The copy keeps the places of the anchor: a mistake in it is shown where it was written.
        match self.anchors.get(&anchor) {
            Some(known) => Ok(known.node.clone()),
            None => Ok(Node { value: Value::Pruned, span }),
        }
    }

    fn sequence(&mut self, depth: usize) -> Read<Value<'t>> {
        let begin = self.items.len();
        loop {
            let (event, span) = self.following()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Seq(self.items.drain(begin..).collect()));
            }
            let item = self.node(event, span, depth + 1)?;
            self.items.push(item);
        }
    }

    fn mapping(&mut self, depth: usize) -> Read<Value<'t>> {
        let begin = self.entries.len();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.following()?;
            if event == Event::MappingEnd {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(key, ScalarStyle::Plain, ..) if key == "<<");
            let (key, key_span) = self.key(event, span, depth)?;
            let (event, span) = self.following()?;
            let node = self.node(event, span, depth + 1)?;
            if is_merge {
                merge(node, key_span, &mut merged)?;
            } else {
                self.entries.push(Entry { key, key_span, node });
            }
        }
        let mut entries: Vec<_> = self.entries.drain(begin..).collect();
        self.drop_repeated(&mut entries);
        // What is written beats what is merged, and an earlier merge beats a later one.
        if !merged.is_empty() {
            let mut known: HashSet<Cow<'t, str>> = entries.iter().map(|entry| entry.key.clone()).collect();
            entries.extend(merged.into_iter().filter(|entry| known.insert(entry.key.clone())));
        }
        Ok(Value::Map(entries))
    }

    fn key(&mut self, event: Event<'t>, span: Span, depth: usize) -> Read<(Cow<'t, str>, Span)> {
        let node = self.node(event, span, depth + 1)?;
        match node.value {
            Value::Scalar { text, .. } => Ok((text, node.span)),
            Value::Seq(_) | Value::Map(_) | Value::Pruned | Value::StandIn(_) => {
                let message = "a list or map stands where the name of a member is expected".to_owned();
                failed(span, Code::YamlSyntax, message, Some(syntax::QUOTE_BRACKETS))
            }
        }
    }

    /// Keeps the first entry of every key and reports the others.
    fn drop_repeated(&mut self, entries: &mut Vec<Entry<'t>>) {
        // Most maps are small and right: that is seen without sorting.
        let is_small = entries.len() <= SMALL;
        let differs = |(at, entry): (usize, &Entry<'_>)| entries.iter().take(at).all(|e| e.key != entry.key);
        if is_small && entries.iter().enumerate().all(differs) {
            return;
        }
        let mut order: Vec<usize> = (0..entries.len()).collect();
        let key = |at: &usize| entries.get(*at).map(|entry| entry.key.as_ref());
        order.sort_by(|a, b| key(a).cmp(&key(b)).then(a.cmp(b)));
        let mut repeated = Vec::new();
        let mut first = 0;
        for at in 1..order.len() {
            if key(&order[at]) == key(&order[first]) {
                repeated.push((order[first], order[at]));
            } else {
                first = at;
            }
        }
        repeated.sort_by_key(|&(_, again)| again);
        for &(first, again) in &repeated {
            let (key, line) = (&entries[again].key, entries[first].key_span.line);
            let message = format!("the key `{key}` stands twice in this map; it is first on line {line}");
            let span = entries[again].key_span;
            let help = Some("keep one of the two".to_owned());
            self.problems.push(Problem { span, code: Code::DuplicateKey, message, help });
        }
        for &(_, again) in repeated.iter().rev() {
            entries.remove(again);
        }
    }
}

/// The entries that a merge key brings.
fn merge<'t>(node: Node<'t>, key: Span, merged: &mut Vec<Entry<'t>>) -> Read<()> {
    let maps = match node.value {
        Value::Seq(items) => items,
        value => vec![Node { value, span: node.span }],
    };
    for map in maps {
        let Value::Map(entries) = map.value else {
            let message = "`<<` takes a map, or a list of maps, to merge into this one";
            return failed(key, Code::YamlSyntax, message, None);
        };
        merged.extend(entries);
    }
    Ok(())
}

fn failed<T>(span: Span, code: Code, message: impl Into<String>, help: Option<&str>) -> Read<T> {
    Err(Box::new(Problem { span, code, message: message.into(), help: help.map(str::to_owned) }))
}

/// A place between two marks of a document that begins after so many lines.
pub(crate) fn span_of(lines_before: u32, start: &Marker, end: &Marker) -> Span {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let length =
        if start.line() == end.line() { small(end.col().saturating_sub(start.col())).max(1) } else { 0 };
    Span { line: lines_before.saturating_add(small(start.line())), column: small(start.col()) + 1, length }
}
