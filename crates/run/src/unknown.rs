//! A name that is not where it was looked for, with the one that was probably meant.

use raccord_model::{Key, Kind, Name, suggest};

/// Nothing of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} `{name}`{hint}")]
pub struct Unknown {
    /// What was looked for: `transfer`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Where it is not, and what there is instead; begins with a space or a semicolon.
    pub hint: String,
}

impl Unknown {
    /// A name that the generation in force does not have; `known` are the keys that it has.
    pub fn in_force<'k>(kind: Kind, name: &Name, known: impl IntoIterator<Item = &'k Key>) -> Self {
        Self::in_place("the applied generation", kind, name, known)
    }

    /// A name that `place` does not have; `known` are the keys that it has.
    pub fn in_place<'k>(
        place: &str,
        kind: Kind,
        name: &Name,
        known: impl IntoIterator<Item = &'k Key>,
    ) -> Self {
        let names: Vec<&str> =
            known.into_iter().filter(|key| key.kind == kind).map(|key| key.name.as_str()).collect();
        let advice = suggest::advice(name.as_str(), &names, "there is");
        let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
        let kind = match kind {
            Kind::Integration => "integration",
            Kind::Transfer => "transfer",
            Kind::Source => "source",
            Kind::Project => "project",
            Kind::Authorization | Kind::Mapping | Kind::Subscription | Kind::Alert | Kind::Stack => {
                "resource"
            }
        };
        Self { kind, name: name.to_string(), hint: format!(" in {place}{advice}") }
    }
}
