//! Maps in which one member tells what the others mean, answered as an enum so that no place is lost.

use raccord_model::diagnostic::Code;
use raccord_model::suggest;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer as _, VariantAccess, Visitor,
};

use super::{Failure, NodeDeserializer, Variables};
use crate::node::{Entry, Node, Value};

/// The member of a Source that names its connector.
pub(super) const CONNECTOR: &str = "connector";

/// The member that tells, and the map around it.
pub(super) struct Tag<'a, 't> {
    map: NodeDeserializer<'a, 't>,
    node: &'a Node<'t>,
    member: &'static str,
    variables: &'a Variables,
}

impl<'a, 't> Tag<'a, 't> {
    pub(super) const fn new(
        map: NodeDeserializer<'a, 't>,
        node: &'a Node<'t>,
        member: &'static str,
        variables: &'a Variables,
    ) -> Self {
        Self { map, node, member, variables }
    }
}

impl Tag<'_, '_> {
    /// The member is not there, or under a name that is nearly its own.
    fn missing(&self) -> Failure {
        let Value::Map(entries) = &self.node.value else { return Failure::missing_field(self.member) };
        let is_meant = |entry: &&Entry<'_>| {
            !matches!(entry.node.value, Value::Pruned)
                && suggest::nearest(&entry.key, [self.member]).is_some()
        };
        match entries.iter().find(is_meant) {
            Some(entry) => Failure::misspelt(&entry.key, self.member).placed(entry.key_span).below(
                &entry.key,
                &entry.node,
                Some(entry.key_span),
            ),
            None => Failure::missing_field(self.member),
        }
    }
}

impl<'de> EnumAccess<'de> for Tag<'_, '_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let entry = self.node.member(self.member).filter(|entry| !matches!(entry.node.value, Value::Pruned));
        let Some(entry) = entry else {
            return Err(self.missing());
        };
        let key = Some(entry.key_span);
        let variant =
            seed.deserialize(NodeDeserializer::new(&entry.node, key, self.variables)).map_err(|failure| {
                let failure = failure.below(&entry.key, &entry.node, key);
                let is_connector = self.member == CONNECTOR;
                if is_connector {
                    let name = entry.node.text().unwrap_or_default();
                    let message = format!("there is no connector `{name}`");
                    failure.recode(Code::InvalidValue, Code::UnknownConnector, message)
                } else {
                    failure
                }
            })?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Tag<'_, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        let member = self.member;
        seed.deserialize(self.map.without(member))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.map.without(self.member).deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.map.without(self.member).deserialize_struct("", fields, visitor)
    }
}

/// A name, or what it would stand for: answered as an enum so that no place is lost.
pub(super) struct Reference<'a, 't>(NodeDeserializer<'a, 't>);

impl<'a, 't> Reference<'a, 't> {
    pub(super) const fn new(node: NodeDeserializer<'a, 't>) -> Self {
        Self(node)
    }
}

impl<'de> EnumAccess<'de> for Reference<'_, '_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let form = if self.0.is_scalar() { "byName" } else { "inline" };
        Ok((seed.deserialize(form.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Reference<'_, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.0.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
