//! YAML to JSON as `PyYAML`'s safe loader reads it: merge keys, anchors, the last of two equal keys. Sizes are bounded,
//! aliases counted as what they stand for.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StrInput, options};
use serde_json::{Map, Value};

use super::{DEPTH, VALUES, invalid, scalar};
use crate::component::Problem;

/// How long a key may be, in characters.
const KEY: usize = 4_096;

/// Reads the first document of a text.
pub(super) fn read(text: &str) -> Result<Value, Problem> {
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH,
        block_nesting_limit: DEPTH,
        simple_key_max_lookahead: KEY,
    };
    let events = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { events, anchors: HashMap::new(), values: 0 };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
            event => return reader.node(event, 0),
        }
    }
}

struct Anchored {
    value: Value,
    size: usize,
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Anchored>,
    values: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Event<'t>, Problem> {
        match self.events.next() {
            None => Ok(Event::StreamEnd),
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(invalid("", format!("it is no YAML: {error}"))),
        }
    }

    fn count(&mut self, values: usize, depth: usize) -> Result<(), Problem> {
        self.values = self.values.saturating_add(values);
        if depth > DEPTH || self.values > VALUES {
            return Err(invalid("", "it is too large: it holds too many values, or nests too deep"));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'t>, depth: usize) -> Result<Value, Problem> {
        if let Event::Alias(anchor) = event {
            let size = self.anchors.get(&anchor).map_or(0, |known| known.size);
            self.count(size, depth)?;
            let known = self.anchors.get(&anchor).map(|known| known.value.clone());
            return known.ok_or_else(|| invalid("", "an alias stands inside of what it refers to"));
        }
        self.count(1, depth)?;
        let before = self.values;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is = |name: &str| tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag(name));
                let plain = style == ScalarStyle::Plain && !is("str");
                (if plain { scalar::plain(&text) } else { Value::String(text.into_owned()) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (Value::Object(self.mapping(depth)?), anchor),
            _ => return Err(invalid("", "the text ends too early")),
        };
        if anchor > 0 {
            let size = 1 + self.values - before;
            self.anchors.insert(anchor, Anchored { value: value.clone(), size });
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Map<String, Value>, Problem> {
        let mut members = Map::new();
        let mut merged = Map::new();
        loop {
            let event = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(key, ScalarStyle::Plain, ..) if key == "<<");
            let key = self.node(event, depth + 1)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            if is_merge {
                merge(value, &mut merged)?;
            } else if key.is_object() || key.is_array() {
                return Err(invalid("", "a list or an object stands where a name is expected"));
            } else {
                members.insert(scalar::key(key), value);
            }
        }
        // What is written beats what is merged.
        merged.append(&mut members);
        Ok(merged)
    }
}

/// Takes the members of an object or of several; the last of equal names counts, as `PyYAML` has it.
fn merge(value: Value, merged: &mut Map<String, Value>) -> Result<(), Problem> {
    match value {
        Value::Object(members) => merged.extend(members),
        Value::Array(items) => {
            for item in items {
                merge(item, merged)?;
            }
        }
        _ => return Err(invalid("", "`<<` takes an object or a list of them")),
    }
    Ok(())
}
