//! What a connector asks of those who use it: its settings, what a configuration breaks of them, and what becomes of it
//! before it is used. Values of a configuration are in none of its messages.

mod data_type;
mod rules;
mod schema;
mod setting;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use data_type::{DataType, Schema, data_types};
pub use schema::{Violation, violations};
pub use setting::{Group, Setting, SettingKind};

use crate::Json;
use crate::component::Problem;
use crate::error::ReadError;
use crate::load::Manifest;
use rules::Rules;

/// The specification of a connector.
#[derive(Debug)]
pub struct Specification {
    schema: Json,
    documentation: Option<String>,
    rules: Rules,
}

impl Specification {
    /// That of a manifest; one without settings where it has none.
    ///
    /// # Errors
    /// When a rule for configurations is none.
    pub fn of(manifest: &Manifest) -> Result<Self, Problem> {
        let Some(spec) = manifest.root().child("spec") else {
            let schema = Json::new(Value::Object(Map::new()));
            return Ok(Self { schema, documentation: None, rules: Rules::default() });
        };
        let schema = spec.required("connection_specification", spec.get("connection_specification"))?;
        let documentation = spec.str("documentation_url").map(str::to_owned);
        Ok(Self { schema: Json::new(schema.clone()), documentation, rules: Rules::of(&spec)? })
    }

    /// The JSON schema of a configuration.
    pub fn schema(&self) -> &Json {
        &self.schema
    }

    /// Where the connector is documented.
    pub fn documentation(&self) -> Option<&str> {
        self.documentation.as_deref()
    }

    /// The settings, in the order in which people are asked for them.
    pub fn settings(&self) -> Vec<Setting> {
        setting::settings(&self.schema)
    }

    /// The paths of the settings that are secrets; `*` stands for every item of a list.
    pub fn secrets(&self) -> Vec<Vec<String>> {
        setting::secrets(&self.schema)
    }

    /// A configuration with the defaults of the settings that it does not have. The reference leaves that to those who
    /// ask people for a configuration.
    pub fn with_defaults(&self, mut config: Value) -> Value {
        fill(&self.schema, &mut config);
        config
    }

    /// A configuration as the streams see it: migrated, then transformed.
    ///
    /// # Errors
    /// When a template in a rule has no value.
    pub fn prepare(&self, config: Value) -> Result<Value, ReadError> {
        self.rules.apply(config)
    }

    /// All that a prepared configuration breaks of the settings and the rules.
    ///
    /// # Errors
    /// When a template in a rule has no value.
    pub fn check(&self, config: &Value) -> Result<Vec<Violation>, ReadError> {
        let mut found = violations(&self.schema, config);
        found.extend(self.rules.check(config)?);
        Ok(found)
    }
}

fn fill(schema: &Value, config: &mut Value) {
    let (Some(properties), Some(members)) =
        (schema.get("properties").and_then(Value::as_object), config.as_object_mut())
    else {
        return;
    };
    for (name, schema) in properties {
        match (members.get_mut(name), schema.get("default")) {
            (Some(value), _) => fill(schema, value),
            (None, Some(default)) => {
                members.insert(name.clone(), default.clone());
            }
            (None, None) => {}
        }
    }
}
