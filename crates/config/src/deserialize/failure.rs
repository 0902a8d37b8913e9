//! What went wrong while a value was read, and the path to it.

use std::fmt;

use raccord_model::diagnostic::Code;
use raccord_model::suggest;
use serde::de::{self, Expected, Unexpected};

use crate::node::{Node, Span};

/// A mistake on its way out of the tree: each level adds its step to the path.
#[derive(Debug)]
pub(crate) struct Failure(Box<Details>);

#[derive(Debug)]
struct Details {
    code: Code,
    message: String,
    help: Option<String>,
    span: Option<Span>,
    /// Innermost step first.
    path: Vec<String>,
    /// The name of a member that is missing below the path.
    missing: Option<&'static str>,
    /// What was probably meant.
    meant: Option<Meant>,
}

/// What was probably meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meant {
    /// Another name of the member that the path leads to.
    Name(&'static str),
    /// Another value than that which the path leads to.
    Value(&'static str),
    /// The value that the path leads to, without its quotes.
    Bare,
}

/// The parts of a failure, its path from the root.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) span: Option<Span>,
    pub(crate) path: Vec<String>,
    pub(crate) is_missing: bool,
    pub(crate) meant: Option<Meant>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Details {
            code,
            message,
            help: None,
            span: None,
            path: Vec::new(),
            missing: None,
            meant: None,
        }))
    }

    /// Names the members of the map that was expected, in place of other help.
    pub(crate) fn of_map_with(mut self, members: &[&str]) -> Self {
        if let Some(members) = suggest::advice("", members, "write a map; its members are") {
            self.0.help = Some(members);
        }
        self
    }

    pub(crate) fn help(mut self, help: Option<String>) -> Self {
        if self.0.help.is_none() {
            self.0.help = help;
        }
        self
    }

    /// A member that was meant to be the one on which the others depend.
    pub(crate) fn misspelt(field: &str, meant: &'static str) -> Self {
        Self::new(Code::UnknownField, format!("there is no field `{field}` here"))
            .help(Some(format!("did you mean `{meant}`?")))
            .meant(Some(Meant::Name(meant)))
    }

    /// The same, where the text that is wrong is the name of a member.
    pub(crate) fn about_name(mut self) -> Self {
        if let Some(Meant::Value(meant)) = self.0.meant {
            self.0.meant = Some(Meant::Name(meant));
        }
        self
    }

    /// The same, where what was probably meant is known.
    pub(crate) fn meant(mut self, meant: Option<Meant>) -> Self {
        self.0.meant = meant;
        self
    }

    /// The same said in other words under another code, when it has the first one.
    pub(crate) fn recode(mut self, from: Code, to: Code, message: String) -> Self {
        if self.0.code == from {
            self.0.code = to;
            self.0.message = message;
        }
        self
    }

    pub(crate) const fn code(&self) -> Code {
        self.0.code
    }

    /// The same at a place, unless it has one.
    pub(crate) fn placed(mut self, span: Span) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    /// The same one level further out.
    pub(crate) fn below(mut self, step: &str, node: &Node<'_>, key: Option<Span>) -> Self {
        self.0.span.get_or_insert_with(|| node.place(key));
        self.0.path.push(step.to_owned());
        self
    }

    pub(crate) fn into_parts(self) -> Parts {
        let Details { code, message, help, span, mut path, missing, meant } = *self.0;
        path.reverse();
        path.extend(missing.map(str::to_owned));
        Parts { code, message, help, span, path, is_missing: missing.is_some(), meant }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Code::InvalidValue, message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let message = format!("expected {}, found {}", wanted(expected), described(found));
        let meant = meant(found, &expected.to_string());
        Self::new(Code::WrongType, message).help(type_help(found, expected)).meant(meant)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let message = format!("expected {}, found {}", wanted(expected), described(found));
        Self::new(Code::InvalidValue, message)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(Code::InvalidValue, format!("expected {}, found {length} elements", wanted(expected)))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Code::UnknownField, format!("there is no field `{field}` here"))
            .help(suggest::advice(field, expected, "the fields are"))
            .meant(suggest::nearest(field, expected.iter().copied()).map(Meant::Name))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Code::InvalidValue, format!("`{variant}` is not allowed here"))
            .help(suggest::advice(variant, expected, "what is allowed"))
            .meant(suggest::nearest(variant, expected.iter().copied()).map(Meant::Value))
    }

    fn missing_field(field: &'static str) -> Self {
        let mut failure = Self::new(Code::MissingField, format!("the field `{field}` is missing"));
        failure.0.missing = Some(field);
        failure
    }
}

/// What serde says it expected, in words for people.
fn wanted(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a string" | "string" | "str" => "a text".to_owned(),
        "a character" | "char" => "one character".to_owned(),
        "a boolean" | "bool" => "true or false".to_owned(),
        "u8" => whole(&u8::MAX),
        "u16" => whole(&u16::MAX),
        "u32" => whole(&u32::MAX),
        "u64" | "usize" => whole(&u64::MAX),
        "a sequence" => "a list".to_owned(),
        other if other.starts_with("struct ") => "a map".to_owned(),
        other if other.starts_with("enum ") || other.starts_with("variant ") => {
            "one of the allowed values".to_owned()
        }
        _ => text,
    }
}

fn whole(largest: &dyn fmt::Display) -> String {
    format!("a whole number from 0 to {largest}")
}

fn described(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Char(c) => format!("the text `{c}`"),
        Unexpected::Str(text) if text.chars().count() > 60 => "a text".to_owned(),
        Unexpected::Str(text) => format!("the text `{text}`"),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}

/// Whether what is expected may be a text of any content, so that quotes alone make a text of it that is right.
fn takes_any_text(wanted: &str) -> bool {
    wanted.contains("string") || wanted.contains("text") || wanted.starts_with("a path")
}

/// Whether a type is that of whole numbers, by what serde calls it.
fn is_number(wanted: &str) -> bool {
    matches!(wanted, "u8" | "u16" | "u32" | "u64" | "usize" | "i64")
}

/// What was meant by a text where no text may stand.
fn meant(found: Unexpected<'_>, wanted: &str) -> Option<Meant> {
    let Unexpected::Str(text) = found else { return None };
    match text {
        "true" | "false" if wanted.contains("bool") => Some(Meant::Bare),
        "yes" | "Yes" | "on" | "On" if wanted.contains("bool") => Some(Meant::Value("true")),
        "no" | "No" | "off" | "Off" if wanted.contains("bool") => Some(Meant::Value("false")),
        number if is_number(wanted) && number.parse::<u64>().is_ok() => Some(Meant::Bare),
        _ => None,
    }
}

fn type_help(found: Unexpected<'_>, expected: &dyn Expected) -> Option<String> {
    let wanted = expected.to_string();
    let is_map = wanted == "a map" || wanted.starts_with("struct ");
    let help = match found {
        Unexpected::Str(text @ ("true" | "false")) if wanted.contains("bool") => {
            return Some(format!("write {text} without quotes"));
        }
        Unexpected::Str(text) if is_number(&wanted) && text.parse::<u64>().is_ok() => {
            return Some(format!("write {text} without quotes"));
        }
        Unexpected::Str("yes" | "Yes" | "on" | "On" | "no" | "No" | "off" | "Off")
            if wanted.contains("bool") =>
        {
            "write true or false"
        }
        Unexpected::Bool(_) | Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_)
            if takes_any_text(&wanted) =>
        {
            "put it in quotes when a text is meant"
        }
        Unexpected::Bool(_)
        | Unexpected::Unsigned(_)
        | Unexpected::Signed(_)
        | Unexpected::Float(_)
        | Unexpected::Str(_)
            if is_map =>
        {
            "write a map, for example {name: value}; {} is a map with nothing in it"
        }
        Unexpected::Unit if is_map => "write {} for a map with nothing in it",
        Unexpected::Str(_) if wanted == "a sequence" => "write a list, for example [a, b]",
        Unexpected::Seq if is_map => "write a map: each member is `name: value` without a `-` before it",
        Unexpected::Map if wanted == "a sequence" => "write a list: each element begins with `- `",
        Unexpected::Map | Unexpected::Seq if takes_any_text(&wanted) => {
            "when a text is meant, put it in quotes: `[ ] { }` begin a list or a map"
        }
        _ => return None,
    };
    Some(help.to_owned())
}
