//! What the language means once it is resolved: resources with every reference settled, and the set of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, Digest, to_bytes};
use crate::fact::StorePlace;
use crate::key::{Key, Kind};
use crate::language::{
    AuthorizationSpec, ByNameOrInline, IntegrationSpec, ProjectSpec, SourceSpec, StackSpec, StoreType,
    TransferSpec,
};
use crate::name::Name;

/// A resource of the state. Its mapping, subscriptions and alerts are inline, its authorization by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Labels, as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations, without the instructions to Raccord.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What it says.
    pub spec: Spec,
}

/// The specification of a resource of any kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spec {
    /// The stack.
    Stack(StackSpec),
    /// A project.
    Project(ProjectSpec),
    /// An authorization.
    Authorization(AuthorizationSpec),
    /// A source.
    Source(SourceSpec),
    /// A transfer.
    Transfer(TransferSpec),
    /// An integration.
    Integration(IntegrationSpec),
}

impl Spec {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Stack(_) => Kind::Stack,
            Self::Project(_) => Kind::Project,
            Self::Authorization(_) => Kind::Authorization,
            Self::Source(_) => Kind::Source,
            Self::Transfer(_) => Kind::Transfer,
            Self::Integration(_) => Kind::Integration,
        }
    }

    /// Whether a plan that deletes it is refused.
    pub const fn protect(&self) -> bool {
        match self {
            Self::Project(spec) => spec.protect,
            Self::Source(spec) => spec.protect,
            Self::Transfer(spec) => spec.protect,
            Self::Integration(spec) => spec.protect,
            Self::Stack(_) | Self::Authorization(_) => false,
        }
    }
}

impl Resource {
    /// Its canonical body and the body's digest.
    pub fn seal(&self) -> Result<(Vec<u8>, Digest), CanonicalError> {
        let body = to_bytes(self)?;
        let digest = Digest::of(&body);
        Ok((body, digest))
    }

    /// Reads a canonical body back.
    pub fn open(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }
}

/// One resource as the configuration wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wanted {
    /// What it says, in its canonical form.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub resource: Resource,
    /// The digest of its canonical body.
    pub digest: Digest,
    /// What it was called before, when the YAML says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<Name>,
}

/// Everything that a configuration wants, resolved and canonical. It holds no secret and needs none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Desired {
    /// The stack's name.
    pub stack: Name,
    /// The directory that data paths are relative to, as an absolute path.
    pub root: String,
    /// The resources, by key.
    pub resources: BTreeMap<Key, Wanted>,
}

impl Desired {
    /// One digest for the whole configuration: of every key and digest, in order.
    pub fn digest(&self) -> Digest {
        Self::digest_of(self.resources.iter().map(|(key, wanted)| (key, wanted.digest)))
    }

    /// The digest of a configuration of which only keys and digests are known, in the order of the keys.
    pub fn digest_of<'a>(resources: impl Iterator<Item = (&'a Key, Digest)>) -> Digest {
        let mut bytes = Vec::new();
        for (key, digest) in resources {
            bytes.extend_from_slice(key.to_string().as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(&digest.0);
        }
        Digest::of(&bytes)
    }

    /// The specification of one resource.
    pub fn spec(&self, kind: Kind, name: &Name) -> Option<&Spec> {
        self.resources.get(&Key::new(kind, name.clone())).map(|wanted| &wanted.resource.spec)
    }

    /// A project by name.
    pub fn project(&self, name: &Name) -> Option<&ProjectSpec> {
        match self.spec(Kind::Project, name) {
            Some(Spec::Project(spec)) => Some(spec),
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

    /// A transfer by name.
    pub fn transfer(&self, name: &Name) -> Option<&TransferSpec> {
        match self.spec(Kind::Transfer, name) {
            Some(Spec::Transfer(spec)) => Some(spec),
            _ => None,
        }
    }

    /// The stack's settings, or their defaults.
    pub fn stack_settings(&self) -> StackSpec {
        match self.spec(Kind::Stack, &self.stack) {
            Some(Spec::Stack(spec)) => spec.clone(),
            _ => StackSpec::default(),
        }
    }

    /// Where the rows of a project are; nothing when its authorization is not one of a database that is there, which
    /// validation refuses.
    pub fn store_place(&self, project: &ProjectSpec) -> Option<StorePlace> {
        place_of(project, |name| self.authorization(name))
    }

    /// An authorization by name.
    pub fn authorization(&self, name: &Name) -> Option<&AuthorizationSpec> {
        match self.spec(Kind::Authorization, name) {
            Some(Spec::Authorization(spec)) => Some(spec),
            _ => None,
        }
    }
}

/// Where the rows of a project are, when its authorization is found by name.
pub fn place_of<'a>(
    project: &'a ProjectSpec,
    authorization: impl FnOnce(&Name) -> Option<&'a AuthorizationSpec>,
) -> Option<StorePlace> {
    let store = &project.store;
    let reached_by = match &store.authorization {
        Some(ByNameOrInline::ByName(name)) => Some(authorization(name)?),
        Some(ByNameOrInline::Inline(spec)) => Some(spec),
        None => None,
    };
    match store.store_type {
        StoreType::Embedded => Some(StorePlace::Embedded),
        StoreType::Sqlite => Some(StorePlace::Sqlite { path: store.path.clone()? }),
        StoreType::Postgres => {
            let AuthorizationSpec::Database(database) = reached_by? else { return None };
            Some(StorePlace::Postgres { authorization: database.clone(), schema: store.schema().to_owned() })
        }
        StoreType::Files => Some(StorePlace::Files {
            path: store.path.clone()?,
            authorization: reached_by.cloned().map(Box::new),
            format: store.format?,
            mode: store.mode.unwrap_or_default(),
            partition: store.partition_by.clone(),
        }),
    }
}
