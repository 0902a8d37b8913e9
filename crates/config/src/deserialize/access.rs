//! Serde's ways into lists, maps and enums, each step of which adds itself to the path of a mistake.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use super::{Failure, NodeDeserializer, Variables};
use crate::node::{Entry, Node, Value};

/// The elements of a list.
pub(super) struct Items<'a, 't> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node<'t>>>,
    variables: &'a Variables,
}

impl<'a, 't> Items<'a, 't> {
    pub(super) fn new(items: &'a [Node<'t>], variables: &'a Variables) -> Self {
        Self { items: items.iter().enumerate(), variables }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some((at, node)) = self.items.find(|(_, node)| !matches!(node.value, Value::Pruned)) else {
            return Ok(None);
        };
        seed.deserialize(NodeDeserializer::new(node, None, self.variables))
            .map(Some)
            .map_err(|failure| failure.below(&at.to_string(), node, None))
    }

    fn size_hint(&self) -> Option<usize> {
        self.items.size_hint().1
    }
}

/// The members of a map, without the one that `skip` names.
pub(super) struct Members<'a, 't> {
    entries: std::slice::Iter<'a, Entry<'t>>,
    current: Option<&'a Entry<'t>>,
    skip: Option<&'a str>,
    variables: &'a Variables,
}

impl<'a, 't> Members<'a, 't> {
    pub(super) fn new(entries: &'a [Entry<'t>], skip: Option<&'a str>, variables: &'a Variables) -> Self {
        Self { entries: entries.iter(), current: None, skip, variables }
    }
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let skip = self.skip;
        let is_live = |entry: &&Entry<'_>| {
            !matches!(entry.node.value, Value::Pruned) && skip.is_none_or(|skip| entry.key != skip)
        };
        self.current = self.entries.find(is_live);
        let Some(entry) = self.current else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(&entry.key)).map(Some).map_err(|failure: Failure| {
            let key = entry.key_span;
            failure.about_name().placed(key).below(&entry.key, &entry.node, Some(key))
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some(entry) = self.current else {
            return Err(Failure::custom("a value was asked for before its key"));
        };
        let key = Some(entry.key_span);
        seed.deserialize(NodeDeserializer::new(&entry.node, key, self.variables))
            .map_err(|failure| failure.below(&entry.key, &entry.node, key))
    }
}

/// A choice: a text, or a map with the choice as its only key.
pub(super) enum Choice<'a, 't> {
    /// `trim`.
    Name(&'a str),
    /// `{truncate: 5}`.
    Member(&'a Entry<'t>, &'a Variables),
}

impl<'de> EnumAccess<'de> for Choice<'_, '_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let variant = match &self {
            Self::Name(name) => seed.deserialize(StrDeserializer::new(name)),
            Self::Member(entry, _) => {
                seed.deserialize(StrDeserializer::new(&entry.key)).map_err(|failure: Failure| {
                    let key = entry.key_span;
                    failure.about_name().placed(key).below(&entry.key, &entry.node, Some(key))
                })
            }
        }?;
        Ok((variant, self))
    }
}

impl<'a, 't> Choice<'a, 't> {
    fn content<T>(
        self,
        read: impl FnOnce(NodeDeserializer<'a, 't>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match self {
            Self::Name(name) => {
                let message = format!("`{name}` needs a value here: write {{{name}: …}}");
                Err(Failure::new(raccord_model::diagnostic::Code::WrongType, message))
            }
            Self::Member(entry, variables) => {
                let key = Some(entry.key_span);
                read(NodeDeserializer::new(&entry.node, key, variables))
                    .map_err(|failure| failure.below(&entry.key, &entry.node, key))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'_, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self {
            Self::Name(_) => Ok(()),
            Self::Member(entry, variables) => {
                let node = NodeDeserializer::new(&entry.node, None, variables);
                if node.is_null() {
                    return Ok(());
                }
                let message = format!("`{}` takes no value: write it alone", entry.key);
                Err(Failure::new(raccord_model::diagnostic::Code::WrongType, message).placed(entry.key_span))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        self.content(|node| seed.deserialize(node))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.content(|node| node.deserialize_tuple(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.content(|node| node.deserialize_struct("", fields, visitor))
    }
}

/// What a map without exactly one live member is, where a choice was wanted.
pub(super) fn choice<'a, 't>(
    node: &'a Node<'t>,
    variables: &'a Variables,
    variants: &'static [&'static str],
) -> Result<Choice<'a, 't>, Failure> {
    let mut live = node.entries().iter().filter(|entry| !matches!(entry.node.value, Value::Pruned));
    if let (Some(entry), None) = (live.next(), live.next()) {
        return Ok(Choice::Member(entry, variables));
    }
    let found = if matches!(node.value, Value::Seq(_)) { Unexpected::Seq } else { Unexpected::Map };
    let expected = format!("one of {}", variants.join(", "));
    Err(Failure::invalid_type(found, &expected.as_str()))
}
