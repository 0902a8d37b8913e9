//! The generation in force: every resource with its identity, as the last apply left it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use raccord_model::fact::{Entry, Uid};
use raccord_model::language::{IntegrationSpec, TransferSpec};
use raccord_model::port::state::{Head, Snapshot, SnapshotQuery, State, StateError};
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Digest, Key, Kind, Name, Resource, Spec};

/// The generation in force.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Which state, which generation.
    pub head: Head,
    /// Who each resource is.
    pub index: BTreeMap<Key, Entry>,
    /// What each resource says.
    pub desired: Desired,
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
        let query = SnapshotQuery { bodies: true, ..SnapshotQuery::default() };
        let Snapshot { head, index, bodies, .. } = state.snapshot(query).await?;
        Self::of(head, index, &bodies)
    }

    /// The generation that a head, an index and the bodies behind it make.
    pub fn of(
        head: Head,
        index: BTreeMap<Key, Entry>,
        bodies: &BTreeMap<Digest, Bytes>,
    ) -> Result<Self, AppliedError> {
        let wanted = |(key, entry): (&Key, &Entry)| {
            let resource = open_body(key, bodies.get(&entry.digest))?;
            Ok((key.clone(), Wanted { resource, digest: entry.digest, renamed_from: None }))
        };
        let resources = index.iter().map(wanted).collect::<Result<_, AppliedError>>()?;
        let root = head.root.clone().unwrap_or_default();
        let desired =
            Desired { stack: head.stack.clone().unwrap_or_else(Name::of_default_stack), root, resources };
        Ok(Self { head, index, desired })
    }

    /// The identity of a resource.
    pub fn uid(&self, kind: Kind, name: &Name) -> Option<Uid> {
        self.index.get(&Key::new(kind, name.clone())).map(|entry| entry.uid)
    }

    /// The transfers, by name.
    pub fn transfers(&self) -> impl Iterator<Item = (&Name, Uid, &TransferSpec)> {
        self.of_kind(Kind::Transfer).filter_map(|(name, uid, resource)| match &resource.spec {
            Spec::Transfer(spec) => Some((name, uid, spec)),
            _ => None,
        })
    }

    /// The integrations, by name.
    pub fn integrations(&self) -> impl Iterator<Item = (&Name, Uid, &IntegrationSpec)> {
        self.of_kind(Kind::Integration).filter_map(|(name, uid, resource)| match &resource.spec {
            Spec::Integration(spec) => Some((name, uid, spec)),
            _ => None,
        })
    }

    /// One integration.
    pub fn integration(&self, name: &Name) -> Option<(Uid, &IntegrationSpec)> {
        match self.desired.spec(Kind::Integration, name)? {
            Spec::Integration(spec) => Some((self.uid(Kind::Integration, name)?, spec)),
            _ => None,
        }
    }

    /// The resources of a kind, by name. Others are passed over without being looked up: there may be thousands.
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&Name, Uid, &Resource)> {
        let own = self.index.iter().filter(move |(key, _)| key.kind == kind);
        own.filter_map(|(key, entry)| {
            let wanted = self.desired.resources.get(key)?;
            Some((&key.name, entry.uid, &wanted.resource))
        })
    }
}

/// The generation in force as it was read last, of one state. Cloning shares it.
///
/// Whether it is still in force the head of the state says: every change of the index raises its serial.
#[derive(Debug, Clone, Default)]
pub struct ReadLast(Arc<Mutex<Option<Arc<Applied>>>>);

impl ReadLast {
    /// The generation in force, read only when it is another than the last time.
    pub async fn of(&self, state: &Arc<dyn State>) -> Result<Arc<Applied>, AppliedError> {
        let head = state.head().await?;
        if let Some(known) = self.known(&head) {
            return Ok(known);
        }
        let applied = Arc::new(Applied::load(state).await?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&applied));
        Ok(applied)
    }

    /// The generation under a head, when it is the one that was read last.
    pub fn known(&self, head: &Head) -> Option<Arc<Applied>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|known| known.head == *head)
    }
}

/// Loads the bodies behind an index.
pub async fn open_bodies(
    state: &Arc<dyn State>,
    index: &BTreeMap<Key, Entry>,
) -> Result<BTreeMap<Key, (Entry, Resource)>, AppliedError> {
    let bodies = state.bodies(index.values().map(|entry| entry.digest).collect()).await?;
    index
        .iter()
        .zip(bodies)
        .map(|((key, entry), body)| Ok((key.clone(), (*entry, open_body(key, body.as_ref())?))))
        .collect()
}

fn open_body(key: &Key, body: Option<&Bytes>) -> Result<Resource, AppliedError> {
    let unreadable = |source| AppliedError::Body { key: key.clone(), source };
    let body = body.ok_or_else(|| unreadable(None))?;
    Resource::open(body).map_err(|error| unreadable(Some(error)))
}
