//! What a template sees: variables by name, cheap to extend and to copy.

use minijinja::Value as Variable;
use serde_json::Value;

use crate::Json;

/// The variables of a template. Cloning it shares their values.
#[derive(Debug, Clone, Default)]
pub struct Context {
    variables: Vec<(&'static str, Variable)>,
}

impl Context {
    /// A context that knows the `config` alone.
    pub fn new(config: &Json) -> Self {
        Self::default().with("config", config)
    }

    /// The same with one more variable (`stream_partition`, `stream_interval`, `stream_slice`, `next_page_token`,
    /// `response`, `headers`, `record`, `last_record`, `last_page_size`), or another value of one.
    #[must_use]
    pub fn with(&self, name: &'static str, value: &Json) -> Self {
        let mut context = self.clone();
        context.variables.retain(|(known, _)| *known != name);
        context.variables.push((name, variable(value)));
        context
    }

    pub(super) fn variables(&self, parameters: &Json) -> Variable {
        let own = [("parameters", variable(parameters))];
        Variable::from(
            self.variables.iter().cloned().chain(own).collect::<std::collections::BTreeMap<_, _>>(),
        )
    }
}

fn variable(value: &Value) -> Variable {
    Variable::from(minijinja::value::Serde(value))
}
