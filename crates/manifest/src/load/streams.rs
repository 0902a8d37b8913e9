//! A manifest and the streams that it declares: those that are always there, those under a condition, and those that
//! are only known once a service or the configuration is asked.

use serde_json::Value;

use crate::component::Component;

/// A manifest, its references resolved.
#[derive(Debug, Clone)]
pub struct Manifest {
    root: Component,
    streams: Vec<Declared>,
}

/// A stream that stands in a manifest.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// The stream: `DeclarativeStream` or `StateDelegatingStream`.
    pub component: Component,
    /// The `ConditionalStreams` around it, if it is in one: the stream is there only if its `condition` holds.
    pub condition: Option<Component>,
}

impl Manifest {
    pub(super) fn new(root: Component) -> Self {
        let mut streams = Vec::new();
        for component in root.children("streams") {
            if component.kind() == "ConditionalStreams" {
                let inside = component.children("streams").into_iter();
                streams.extend(inside.map(|stream| declared(stream, Some(component.clone()))));
            } else {
                streams.push(declared(component, None));
            }
        }
        Self { root, streams }
    }

    /// The `DeclarativeSource`.
    pub fn root(&self) -> &Component {
        &self.root
    }

    /// The streams that stand in it, in their order.
    pub fn streams(&self) -> &[Declared] {
        &self.streams
    }

    /// The stream of a name.
    pub fn stream(&self, name: &str) -> Option<&Declared> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// The `DynamicDeclarativeStream`s, whose streams are known only later.
    pub fn dynamic_streams(&self) -> Vec<Component> {
        self.root.children("dynamic_streams")
    }
}

fn declared(component: Component, condition: Option<Component>) -> Declared {
    let name = component.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    Declared { name, component, condition }
}
