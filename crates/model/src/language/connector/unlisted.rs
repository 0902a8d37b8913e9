//! Reads a Source whose connector was registered while the program runs: its settings are read by a function, for their type
//! is not known here. Judges nothing else of them.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::{Connector, ConnectorInfo, ConnectorSettings};
use crate::language::source::SourceSpec;

/// Reads settings.
pub(super) type ReadSettings = fn(Value) -> Result<ConnectorSettings, serde_json::Error>;

/// The members besides `connector`, `webhook` last.
const MEMBERS: &[&str] = &["config", "authorization", "protect", "webhook"];
/// Those of a connector without webhooks.
const READ_ONLY: &[&str] = &["config", "authorization", "protect"];

/// Reads the settings of one connector.
pub(super) fn settings<T: Connector>(value: Value) -> Result<ConnectorSettings, serde_json::Error> {
    T::deserialize(value).map(ConnectorSettings::from)
}

/// Reads the members of a Source besides `connector`.
pub(super) fn read<'de, D: Deserializer<'de>>(
    info: &ConnectorInfo,
    read: ReadSettings,
    rest: D,
) -> Result<SourceSpec, D::Error> {
    rest.deserialize_map(Members { names: if info.has_webhooks { MEMBERS } else { READ_ONLY }, read })
}

struct Members {
    names: &'static [&'static str],
    read: ReadSettings,
}

impl<'de> Visitor<'de> for Members {
    type Value = SourceSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SourceSpec, A::Error> {
        let (mut settings, mut authorization, mut webhook, mut protect) = (None, None, None, false);
        while let Some(name) = map.next_key_seed(Name(self.names))? {
            match name {
                "config" => settings = Some(map.next_value_seed(Config(self.read))?),
                "authorization" => authorization = map.next_value()?,
                "protect" => protect = map.next_value()?,
                _ => webhook = map.next_value()?,
            }
        }
        let settings = settings.ok_or_else(|| A::Error::missing_field("config"))?;
        Ok(SourceSpec { settings, authorization, webhook, protect })
    }
}

/// The name of a member: one of these.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<&'static str, D::Error> {
        name.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<&'static str, E> {
        let known = self.0.iter().find(|known| **known == text);
        known.copied().ok_or_else(|| E::unknown_field(text, self.0))
    }
}

/// The settings, read by a function.
struct Config(ReadSettings);

impl<'de> DeserializeSeed<'de> for Config {
    type Value = ConnectorSettings;

    fn deserialize<D: Deserializer<'de>>(self, settings: D) -> Result<ConnectorSettings, D::Error> {
        (self.0)(Value::deserialize(settings)?).map_err(D::Error::custom)
    }
}
