//! The generation in force: every resource with its identity, as the last apply left it.

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_model::fact::{Entry, Uid};
use raccord_model::language::{
    AuthorizationSpec, IntegrationSpec, ProjectSpec, SourceSpec, StackSpec, TransferSpec,
};
use raccord_model::port::state::{Head, State, StateError};
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Key, Kind, Name, Resource, Spec};

/// The generation in force.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Which state, which generation.
    pub head: Head,
    /// The resources, by key.
    pub resources: BTreeMap<Key, (Entry, Resource)>,
}

/// Why the generation in force cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AppliedError {
    /// The state did not answer.
    #[error(transparent)]
    State(#[from] StateError),
    /// A body is missing or is not of a form we know.
    #[error("the body of {key} cannot be read; `raccord state check` tells more")]
    Body {
        /// Whose.
        key: Key,
        /// Why, when it is there.
        #[source]
        source: Option<serde_json::Error>,
    },
}

impl Applied {
    /// Loads every resource of the generation in force.
    pub async fn load(state: &Arc<dyn State>) -> Result<Self, AppliedError> {
        let head = state.head().await?;
        let index = state.index().await?;
        let resources = open_bodies(state, index).await?;
        Ok(Self { head, resources })
    }

    /// The identity of a resource.
    pub fn uid(&self, kind: Kind, name: &Name) -> Option<Uid> {
        self.resources.get(&Key::new(kind, name.clone())).map(|(entry, _)| entry.uid)
    }

    fn spec(&self, kind: Kind, name: &Name) -> Option<&Spec> {
        self.resources.get(&Key::new(kind, name.clone())).map(|(_, resource)| &resource.spec)
    }

    /// A transfer by name.
    pub fn transfer(&self, name: &Name) -> Option<&TransferSpec> {
        match self.spec(Kind::Transfer, name) {
            Some(Spec::Transfer(spec)) => Some(spec),
            _ => None,
        }
    }

    /// A source by name.
    pub fn source(&self, name: &Name) -> Option<&SourceSpec> {
        match self.spec(Kind::Source, name) {
            Some(Spec::Source(spec)) => Some(spec),
            _ => None,
        }
    }

    /// A project by name.
    pub fn project(&self, name: &Name) -> Option<&ProjectSpec> {
        match self.spec(Kind::Project, name) {
            Some(Spec::Project(spec)) => Some(spec),
            _ => None,
        }
    }

    /// An authorization by name.
    pub fn authorization(&self, name: &Name) -> Option<&AuthorizationSpec> {
        match self.spec(Kind::Authorization, name) {
            Some(Spec::Authorization(spec)) => Some(spec),
            _ => None,
        }
    }

    /// The stack's settings, or their defaults.
    pub fn stack(&self) -> StackSpec {
        self.resources
            .values()
            .find_map(|(_, resource)| match &resource.spec {
                Spec::Stack(spec) => Some(spec.clone()),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The transfers, by name.
    pub fn transfers(&self) -> impl Iterator<Item = (&Name, Uid, &TransferSpec)> {
        self.resources.iter().filter_map(|(key, (entry, resource))| match &resource.spec {
            Spec::Transfer(spec) => Some((&key.name, entry.uid, spec)),
            _ => None,
        })
    }

    /// The integrations, by name.
    pub fn integrations(&self) -> impl Iterator<Item = (&Name, Uid, &IntegrationSpec)> {
        self.resources.iter().filter_map(|(key, (entry, resource))| match &resource.spec {
            Spec::Integration(spec) => Some((&key.name, entry.uid, spec)),
            _ => None,
        })
    }

    /// The same as a configuration, for exporting it and for going back to it.
    pub fn into_desired(self, stack: Name) -> Desired {
        let root = self.head.root.unwrap_or_default();
        let resources = self
            .resources
            .into_iter()
            .map(|(key, (entry, resource))| {
                (key, Wanted { resource, digest: entry.digest, renamed_from: None })
            })
            .collect();
        Desired { stack, root, resources }
    }
}

/// Loads the bodies behind an index.
pub async fn open_bodies(
    state: &Arc<dyn State>,
    index: BTreeMap<Key, Entry>,
) -> Result<BTreeMap<Key, (Entry, Resource)>, AppliedError> {
    let bodies = state.bodies(index.values().map(|entry| entry.digest).collect()).await?;
    index
        .into_iter()
        .zip(bodies)
        .map(|((key, entry), body)| {
            let unreadable = |source| AppliedError::Body { key: key.clone(), source };
            let body = body.ok_or_else(|| unreadable(None))?;
            let resource = Resource::open(&body).map_err(|error| unreadable(Some(error)))?;
            Ok((key, (entry, resource)))
        })
        .collect()
}
