//! Serde's view of one node of the tree.

use std::borrow::Cow;

use raccord_model::diagnostic::Code;
use raccord_model::language::reference::REFERENCE_MARKER;
use raccord_model::secret::{NotAReference, SECRET_MARKER, SecretRef};
use raccord_model::tagged::TAG_MARKER;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use super::access::{Choice, Items, Members, choice};
use super::failure::Meant;
use super::tagged::{Reference, Tag};
use super::{Failure, Variables};
use crate::interpolate::{Trouble, interpolate};
use crate::node::{Node, Span, Value};
use crate::scalar::{Plain, integer};

/// Texts that a missing value may be replaced by: one of them suits nearly every type written as a text.
pub(super) const STAND_INS: [&str; 5] = ["x", "x.x", "1s", "x@example.org", ANY_SECRET];

/// What a secret that stands there itself may be replaced by: whatever it refers to, nothing is read here.
const ANY_SECRET: &str = "${env:X}";

/// Reads one node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeDeserializer<'a, 't> {
    node: &'a Node<'t>,
    key: Option<Span>,
    skip: Option<&'a str>,
    is_secret: bool,
    variables: &'a Variables,
}

impl<'a, 't> NodeDeserializer<'a, 't> {
    pub(crate) const fn new(node: &'a Node<'t>, key: Option<Span>, variables: &'a Variables) -> Self {
        Self { node, key, skip: None, is_secret: false, variables }
    }

    /// The same without one member of the map.
    pub(super) const fn without(mut self, member: &'a str) -> Self {
        self.skip = Some(member);
        self
    }

    pub(super) const fn is_scalar(&self) -> bool {
        matches!(&self.node.value, Value::Scalar { .. } | Value::StandIn(_))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.node.value, Value::Scalar { text, plain: true } if Plain::of(text) == Plain::Null)
    }

    fn place(&self) -> Span {
        self.node.place(self.key)
    }

    /// The text of a scalar, its variables replaced.
    fn text(&self, text: &'a str, plain: bool) -> Result<Cow<'a, str>, Failure> {
        // A reference is left alone where it belongs; anything else in a secret field is judged by its type.
        if self.is_secret && text.parse::<SecretRef>().is_ok() {
            return Ok(Cow::Borrowed(text));
        }
        interpolate(text, self.variables).map_err(|trouble| self.trouble(trouble, text, plain))
    }

    /// The failure to interpolate, at the reference itself when the text stands on one line as it is.
    fn trouble(&self, trouble: Trouble, text: &str, plain: bool) -> Failure {
        let mut span = self.node.span;
        let quotes = if plain { 0 } else { 2 };
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        if span.length == small(text.chars().count() + quotes) {
            span.column += small(trouble.offset + quotes / 2);
            span.length = small(trouble.length);
        }
        Failure::new(trouble.code, trouble.message).help(trouble.help).placed(span)
    }

    /// What was found instead of what the visitor expects.
    fn mismatch<'de, V: Visitor<'de>>(&self, visitor: &V) -> Failure {
        let failure = match &self.node.value {
            Value::Seq(_) => Failure::invalid_type(Unexpected::Seq, visitor),
            Value::Map(_) => Failure::invalid_type(Unexpected::Map, visitor),
            Value::StandIn(_) | Value::Pruned => Failure::custom("nothing stands here"),
            Value::Scalar { text, plain } => {
                let plain = if *plain { Plain::of(text) } else { Plain::Text };
                Failure::invalid_type(unexpected(plain, text), visitor)
            }
        };
        failure.placed(self.place())
    }

    /// Hands a scalar to the visitor as what it is.
    fn scalar<'de, V: Visitor<'de>>(
        self,
        text: &'a str,
        plain: bool,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let value = self.text(text, plain)?;
        let sort = if plain { Plain::of(&value) } else { Plain::Text };
        match sort {
            Plain::Null => visitor.visit_unit(),
            Plain::Bool(value) => visitor.visit_bool(value),
            Plain::Float(value) => visitor.visit_f64(value),
            Plain::Text => visitor.visit_str(&value),
            Plain::Integer(number) => match (i64::try_from(number), u64::try_from(number)) {
                (_, Ok(number)) => visitor.visit_u64(number),
                (Ok(number), _) => visitor.visit_i64(number),
                _ => visitor.visit_str(&value),
            },
        }
    }

    /// Hands a scalar to the visitor as the text that was written.
    fn as_text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar { text, plain } if !self.is_null() => {
                let value = self.text(text, *plain)?;
                visitor.visit_str(&value).map_err(|failure: Failure| failure.placed(self.place()))
            }
            Value::StandIn(at) => visitor.visit_str(STAND_INS.get(*at).copied().unwrap_or_default()),
            Value::Scalar { .. } | Value::Seq(_) | Value::Map(_) | Value::Pruned => {
                Err(self.mismatch(&visitor))
            }
        }
    }

    /// Hands a scalar to the visitor as a number.
    fn as_number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Value::Scalar { text, plain } = &self.node.value else {
            return if self.is_stand_in() { visitor.visit_u64(1) } else { Err(self.mismatch(&visitor)) };
        };
        let value = self.text(text, *plain)?;
        // Braces force quotes in flow style: there a quoted variable may still stand for a number.
        let is_typed = *plain || text.starts_with("${var:");
        let number = if is_typed { integer(&value) } else { None };
        let failed = |failure: Failure| failure.placed(self.place());
        match number.map(|number| (u64::try_from(number), i64::try_from(number))) {
            Some((Ok(number), _)) => visitor.visit_u64(number).map_err(failed),
            Some((_, Ok(number))) => visitor.visit_i64(number).map_err(failed),
            Some(_) => Err(failed(Failure::invalid_value(Unexpected::Other("a larger number"), &visitor))),
            None => match Plain::of(&value) {
                Plain::Float(number) if is_typed => visitor.visit_f64(number).map_err(failed),
                _ => Err(self.mismatch(&visitor)),
            },
        }
    }

    const fn is_stand_in(&self) -> bool {
        matches!(self.node.value, Value::StandIn(_))
    }
}

fn unexpected(plain: Plain, text: &str) -> Unexpected<'_> {
    match plain {
        Plain::Null => Unexpected::Unit,
        Plain::Bool(value) => Unexpected::Bool(value),
        Plain::Float(number) => Unexpected::Float(number),
        Plain::Integer(number) => i64::try_from(number).map_or(Unexpected::Str(text), Unexpected::Signed),
        Plain::Text => Unexpected::Str(text),
    }
}

/// Serde's methods that all read a number.
macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.as_number(visitor)
        }
    )*};
}

/// Serde's methods that all read a text.
macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.as_text(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_, '_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar { text, plain } => self.scalar(text, *plain, visitor),
            Value::Seq(items) => visitor.visit_seq(Items::new(items, self.variables)),
            Value::Map(entries) => visitor.visit_map(Members::new(entries, self.skip, self.variables)),
            Value::StandIn(_) => self.as_text(visitor),
            Value::Pruned => visitor.visit_unit(),
        }
        .map_err(|failure| failure.placed(self.place()))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Value::Scalar { text, plain } = &self.node.value else {
            return if self.is_stand_in() { visitor.visit_bool(false) } else { Err(self.mismatch(&visitor)) };
        };
        let value = self.text(text, *plain)?;
        match Plain::of(&value) {
            Plain::Bool(value) if *plain || text.starts_with("${var:") => visitor.visit_bool(value),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.as_text(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.as_text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.is_null() { visitor.visit_unit() } else { Err(self.mismatch(&visitor)) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if name == SECRET_MARKER {
            self.is_secret = true;
            return visitor.visit_newtype_struct(self).map_err(|failure| self.plain_secret(failure));
        }
        if name == REFERENCE_MARKER {
            return visitor.visit_enum(Reference::new(self));
        }
        if let Some(member) = name.strip_prefix(TAG_MARKER) {
            let Value::Map(_) = self.node.value else {
                return Err(self.mismatch(&visitor));
            };
            return visitor
                .visit_enum(Tag::new(self, self.node, member, self.variables))
                .map_err(|failure| failure.placed(self.place()));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Seq(items) => visitor
                .visit_seq(Items::new(items, self.variables))
                .map_err(|failure| failure.placed(self.place())),
            Value::StandIn(_) => visitor.visit_seq(Items::new(&[], self.variables)),
            Value::Scalar { .. } | Value::Map(_) | Value::Pruned => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Map(entries) => visitor
                .visit_map(Members::new(entries, self.skip, self.variables))
                .map_err(|failure| failure.placed(self.place())),
            Value::StandIn(_) => visitor.visit_map(Members::new(&[], None, self.variables)),
            Value::Scalar { .. } | Value::Seq(_) | Value::Pruned => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if matches!(self.node.value, Value::Scalar { .. }) && !self.is_null() {
            return Err(self.mismatch(&visitor).of_map_with(fields));
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let text;
        let choice = match &self.node.value {
            Value::Scalar { text: raw, plain } if !self.is_null() => {
                text = self.text(raw, *plain)?;
                Choice::Name(&text)
            }
            Value::StandIn(_) => Choice::Name(variants.first().copied().unwrap_or_default()),
            Value::Scalar { .. } | Value::Seq(_) | Value::Map(_) | Value::Pruned => {
                choice(self.node, self.variables, variants).map_err(|failure| failure.placed(self.place()))?
            }
        };
        visitor.visit_enum(choice).map_err(|failure| failure.placed(self.place()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }
}

impl NodeDeserializer<'_, '_> {
    /// Whatever is wrong with a secret field is said without repeating what stands there.
    fn plain_secret(self, failure: Failure) -> Failure {
        // An element of a list of references has said already what is wrong with it.
        if self.is_stand_in() || matches!(failure.code(), Code::UnsetVariable | Code::PlainSecret) {
            return failure;
        }
        let wrong = match &self.node.value {
            Value::Scalar { text, .. } => text.parse::<SecretRef>().err(),
            Value::Seq(_) | Value::Map(_) | Value::Pruned | Value::StandIn(_) => None,
        };
        let wrong = wrong.unwrap_or(NotAReference::Text);
        Failure::new(Code::PlainSecret, wrong.to_string())
            .help(Some(wrong.help().to_owned()))
            .meant(Some(Meant::Value(ANY_SECRET)))
            .placed(self.place())
    }
}
