//! XML as an object: an element is a member of its parent, its attributes have `@` before their names, its text is
//! `#text` where it has more than that. Names keep their prefixes, and entities of its own are left out.

use encoding_rs::{Encoding, UTF_8};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

use crate::transport::Response;

/// An element that is not closed yet.
#[derive(Default)]
struct Open {
    name: String,
    members: Option<Map<String, Value>>,
    text: String,
}

/// How deep elements may stand in one another.
const DEPTH: usize = 256;

/// The object of a body; an empty one where it is no XML.
pub(super) fn document(answer: &Response) -> Value {
    let text = encoding(answer).decode(&answer.body).0;
    Value::Object(parsed(&text).unwrap_or_default())
}

/// The encoding that the answer states, or the text itself; else UTF-8.
fn encoding(answer: &Response) -> &'static Encoding {
    let charset = super::stated_charset(answer);
    let declared = || {
        let beginning = String::from_utf8_lossy(answer.body.get(..200).unwrap_or(&answer.body)).into_owned();
        let declaration = beginning.split_once("?>")?.0.to_owned();
        let (_, rest) = declaration.split_once("encoding=")?;
        rest.get(1..)?.split(['"', '\'']).next().map(str::to_owned)
    };
    let label = charset.or_else(declared);
    label.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8)
}

/// The members of the root; none where the text is no XML.
fn parsed(text: &str) -> Option<Map<String, Value>> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Open::default()];
    loop {
        if open.len() > DEPTH {
            return None;
        }
        match reader.read_event().ok()? {
            Event::Start(start) => open.push(begun(&start)?),
            Event::Empty(start) => {
                open.push(begun(&start)?);
                close(&mut open)?;
            }
            Event::End(_) => close(&mut open)?,
            Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref().ok()? {
                    Some(character) => Some(character),
                    None => named(reference.as_ref()),
                };
                open.last_mut()?.text.extend(character);
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    let root = open.pop().filter(|_| open.is_empty())?;
    let members = root.members.filter(|_| root.text.trim().is_empty())?;
    // There is one root, and it does not repeat.
    (members.len() == 1 && !members.values().any(Value::is_array)).then_some(members)
}

/// The characters that have a name in every document.
fn named(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn begun(start: &BytesStart<'_>) -> Option<Open> {
    let mut members = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let name: &str = attribute.key.as_ref();
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?;
        members.insert(format!("@{name}"), Value::from(value.as_ref()));
    }
    let name = AsRef::<str>::as_ref(&start.name()).to_owned();
    Some(Open { name, members: Some(members).filter(|members| !members.is_empty()), text: String::new() })
}

/// Closes the innermost element.
fn close(open: &mut Vec<Open>) -> Option<()> {
    let element = open.pop()?;
    let text = Some(element.text.trim()).filter(|text| !text.is_empty());
    let value = match (element.members, text) {
        (Some(mut members), Some(text)) => {
            push(&mut members, "#text".to_owned(), Value::from(text));
            Value::Object(members)
        }
        (Some(members), None) => Value::Object(members),
        (None, Some(text)) => Value::from(text),
        (None, None) => Value::Null,
    };
    push(open.last_mut()?.members.get_or_insert_with(Map::new), element.name, value);
    Some(())
}

/// Adds a member; one that comes again makes a list of it.
fn push(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        None => {
            members.insert(name, value);
        }
        Some(Value::Array(items)) => items.push(value),
        Some(known) => *known = Value::Array(vec![known.take(), value]),
    }
}
