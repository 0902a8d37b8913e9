//! A manifest's text to its components: YAML as `PyYAML` reads it, references resolved, parameters handed down and types
//! inferred. It never decides what a component does, and reads no other file.

mod propagate;
mod resolve;
mod scalar;
mod streams;
#[cfg(test)]
mod tests;
mod types;
mod yaml;

use serde_json::{Map, Value};

use crate::component::{Component, Problem, ProblemKind};
pub use propagate::{Precedence, propagate};
pub use streams::{Declared, Manifest};

/// How many values a manifest may hold once its references are resolved.
const VALUES: usize = 3_000_000;
/// How deep a manifest may nest once its references are resolved.
const DEPTH: usize = 200;

/// Why a text is no manifest, and where.
pub(crate) fn invalid(path: &str, message: impl Into<String>) -> Problem {
    Problem { path: path.to_owned(), kind: ProblemKind::Invalid, message: message.into() }
}

/// Whether a text means to be a manifest: its lines are looked at, and nothing is parsed.
///
/// ```
/// use raccord_manifest::load::is_manifest;
///
/// assert!(is_manifest("version: 6.0.0\ntype: DeclarativeSource\n"));
/// assert!(is_manifest("check:\n  stream_names: [a]\nstreams: []\n"));
/// assert!(!is_manifest("apiVersion: raccord/v1\nkind: Source\n"));
/// ```
pub fn is_manifest(text: &str) -> bool {
    let begins = |name: &str| {
        let of_member = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
        text.lines().any(|line| of_member(line.trim_start_matches(['"', '\''])))
    };
    let says_so = |line: &str| {
        let kind = line.strip_prefix("type:").map(|kind| kind.trim().trim_matches(['"', '\'']));
        kind == Some("DeclarativeSource")
    };
    text.lines().any(says_so) || begins("streams") && begins("check") && !begins("apiVersion")
}

/// Reads a manifest.
///
/// # Errors
/// When it is no YAML, a reference leads nowhere or in a circle, or it is too large.
pub fn load(text: &str) -> Result<Manifest, Problem> {
    load_for(text, "")
}

/// Reads a manifest of a connector (`source-x`), whose Python classes may have equivalents here.
///
/// # Errors
/// When it is no YAML, a reference leads nowhere or in a circle, or it is too large.
pub fn load_for(text: &str, connector: &str) -> Result<Manifest, Problem> {
    let mut manifest = yaml::read(text)?;
    crate::support::replace(connector, &mut manifest);
    let Value::Object(mut members) = manifest else {
        return Err(invalid("", "a manifest is an object with `streams`"));
    };
    members.entry("type").or_insert_with(|| Value::String("DeclarativeSource".to_owned()));
    Ok(Manifest::new(components(members)?))
}

/// Reads YAML as manifests are read.
///
/// # Errors
/// When it is none.
pub(crate) fn read_yaml(text: &str) -> Result<Value, Problem> {
    yaml::read(text)
}

/// Resolves the references of a manifest, hands its parameters down and infers its types.
fn components(members: Map<String, Value>) -> Result<Component, Problem> {
    let resolved = resolve::resolve(&Value::Object(members))?;
    let Value::Object(resolved) = resolved else {
        return Err(invalid("", "a manifest is an object with `streams`"));
    };
    let mut budget = VALUES;
    let members = propagate("", resolved, &Map::new(), Precedence::Own, &mut budget)?;
    Ok(Component::new(members, ""))
}
