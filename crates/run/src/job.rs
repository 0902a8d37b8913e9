//! A job: everything one run of a transfer needs, compiled from the generation in force. Reads nothing while
//! it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::{self, Stream};
use raccord_compiler::mapping::{self, Layout, Program, Task};
use raccord_model::canonical::to_bytes;
use raccord_model::diagnostic::Finding;
use raccord_model::fact::{EntityFact, StorePlace, TransferFact, Uid, Updates};
use raccord_model::field_path::FieldPath;
use raccord_model::language::deletes::{Percent, Snapshot};
use raccord_model::language::{
    Breaker, ByNameOrInline, Deletes, Entity, MappingSpec, Mode, SourceSpec, TransferSpec, UpdateType,
};
use raccord_model::port::destination::{DestinationError, Fence, Rows, Target};
use raccord_model::resource::Spec;
use raccord_model::row::FieldId;
use raccord_model::{DataTypeName, Digest, EntityRef, Ident, Kind, Name};

use crate::applied::Applied;
use crate::lease::TransferLease;
use crate::ports::Ports;

/// The version of Raccord that maps. Another one may make another row of the same record, so that it maps all records again
/// once: a number that is raised by hand would be forgotten.
const MAPPED_BY: &str = env!("CARGO_PKG_VERSION");

/// An integration that wants a transfer's updates.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// Its name.
    pub name: Name,
    /// Who it is.
    pub uid: Uid,
    /// When it is to be disabled.
    pub breaker: Breaker,
}

/// Everything one run of a transfer needs.
#[derive(Debug)]
pub struct Job {
    /// The transfer's name.
    pub transfer: Name,
    /// Who it is.
    pub uid: Uid,
    /// What it says.
    pub spec: TransferSpec,
    /// The data type that it reads.
    pub data_type: DataTypeName,
    /// How its data type is read.
    pub stream: Stream,
    /// How its records become rows.
    pub program: Program,
    /// Where the rows go.
    pub target: Target,
    /// What the fields are called, by their ids.
    pub fields: BTreeMap<FieldId, Ident>,
    /// What the commits are made under.
    pub fence: Fence,
    /// What is known of it.
    pub fact: TransferFact,
    /// Where its rows go.
    pub place: StorePlace,
    /// The directory that files of secrets are relative to.
    pub root: String,
    /// What its checkpoint must have been made under.
    pub fingerprint: Digest,
    /// What versions before kept for the same: their checkpoints are good.
    pub earlier: Vec<Digest>,
    /// Of everything that makes a row of a record, and of the transfer itself.
    pub mapping_digest: Digest,
    /// The update types that its subscribers want together.
    pub updates: Updates,
    /// The integrations that make it run.
    pub subscribers: Vec<Subscriber>,
}

impl Job {
    /// How deletions are found by reading everything: only when a subscriber wants deletions.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        let wanted = self.updates.contains(&UpdateType::Deleted);
        self.spec.deletes.snapshot.as_ref().filter(|_| wanted)
    }
}

impl Job {
    /// The same, to be worked on under a lease.
    #[must_use]
    pub fn under(self, lease: &TransferLease) -> Self {
        Self { fence: Fence { lease: lease.token(), ..self.fence }, ..self }
    }

    /// What of it the end of a run needs.
    pub fn outline(&self) -> JobOutline<'_> {
        JobOutline {
            transfer: &self.transfer,
            uid: self.uid,
            spec: &self.spec,
            fence: self.fence,
            fact: &self.fact,
            place: Some((&self.place, &self.root)),
            subscribers: &self.subscribers,
            compiled: Some((&self.stream, &self.program)),
        }
    }

    /// Where its rows go, and what is kept there.
    pub fn rows(&self, ports: &Ports) -> Result<Rows, DestinationError> {
        ports.rows_at(&self.place, &self.root)
    }

    /// How much of what its records say is deleted may go in one reading; none when no field says so, or deletions are
    /// not wanted.
    pub fn marked_share(&self) -> Option<Percent> {
        let wanted = self.updates.contains(&UpdateType::Deleted);
        let deletes = &self.spec.deletes;
        let by_source =
            self.stream.deleted().and(deletes.snapshot.as_ref()).map(|snapshot| snapshot.max_share);
        deletes.field.as_ref().map(|field| field.max_share).or(by_source).filter(|_| wanted)
    }
}

/// What of a job the end of a run needs, whether its transfer can be compiled or not.
#[derive(Debug, Clone, Copy)]
pub struct JobOutline<'a> {
    /// Its name.
    pub transfer: &'a Name,
    /// Who it is.
    pub uid: Uid,
    /// What it says.
    pub spec: &'a TransferSpec,
    /// What the run is recorded under.
    pub fence: Fence,
    /// What is known of it.
    pub fact: &'a TransferFact,
    /// Where its rows go, with the directory that files of secrets are relative to; none where that is not known.
    pub place: Option<(&'a StorePlace, &'a str)>,
    /// The integrations that make it run.
    pub subscribers: &'a [Subscriber],
    /// What it compiles to, where it does.
    pub compiled: Option<(&'a Stream, &'a Program)>,
}

impl JobOutline<'_> {
    /// Where its rows go, where that is known.
    pub fn rows(&self, ports: &Ports) -> Result<Option<Rows>, DestinationError> {
        self.place.map(|(place, root)| ports.rows_at(place, root)).transpose()
    }
}

/// Why a transfer cannot be made ready. Validation finds all of it beforehand, so it means a damaged state.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Something that it refers to is not in the generation.
    #[error("the transfer `{transfer}` refers to {missing}, which is not there")]
    Missing {
        /// The transfer.
        transfer: Name,
        /// What is missing.
        missing: String,
    },
    /// It does not compile.
    #[error("the transfer `{transfer}` cannot be compiled: {finding}")]
    Compile {
        /// The transfer.
        transfer: Name,
        /// The first finding, in words.
        finding: String,
    },
    /// It has no canonical form.
    #[error(transparent)]
    Canonical(#[from] raccord_model::canonical::CanonicalError),
}

/// The data type that a transfer reads.
pub fn data_type(name: &Name, spec: &TransferSpec) -> Option<DataTypeName> {
    spec.data_type.clone().or_else(|| name.as_str().parse().ok())
}

/// A transfer's mapping, once it has one.
pub fn mapping(spec: &TransferSpec) -> Option<&MappingSpec> {
    spec.mapping.as_ref().and_then(ByNameOrInline::inline)
}

/// A transfer compiled, for a run or for a look at what it would do.
pub struct Compiled {
    /// How its data type is read.
    pub stream: Stream,
    /// How its records become rows.
    pub program: Program,
}

/// Compiles a transfer on a source into an entity.
pub fn compile(
    name: &Name,
    spec: &TransferSpec,
    source: &SourceSpec,
    entity: &Entity,
    layout: &Layout,
) -> Result<Compiled, JobError> {
    let stream = compile_stream(name, spec, source)?;
    let mapping = mapping(spec).ok_or_else(|| missing(name, "a mapping".to_owned()))?;
    let cursor = stream.field_cursor().map(|cursor| cursor.fields.clone()).unwrap_or_default();
    let task = Task {
        mapping,
        entity,
        mode: spec.mode,
        layout,
        deleted: deleted(spec, &stream),
        version: spec.version.as_ref(),
        cursor: &cursor,
        all_texts: stream.has_texts_alone(),
    };
    let (program, findings) = mapping::compile(&task);
    let program = program.ok_or_else(|| does_not_compile(name, &findings))?;
    Ok(Compiled { stream, program })
}

/// The field that says that a record is deleted: what the transfer names, and else what the source itself adds. Whether
/// anything is deleted is another question.
fn deleted<'a>(spec: &'a TransferSpec, stream: &'a Stream) -> Option<&'a FieldPath> {
    spec.deletes.field.as_ref().map(|field| &field.path).or_else(|| stream.deleted())
}

/// Compiles the reading side of a transfer alone.
pub fn compile_stream(name: &Name, spec: &TransferSpec, source: &SourceSpec) -> Result<Stream, JobError> {
    let data_type = data_type(name, spec).ok_or_else(|| missing(name, "a data type".to_owned()))?;
    let (stream, findings) = connector::lower(&source.settings, &data_type);
    stream.ok_or_else(|| does_not_compile(name, &findings))
}

/// Makes a transfer of the generation in force ready to run, under no lease yet.
pub fn prepare(
    applied: &Applied,
    name: &Name,
    fact: TransferFact,
    entity_fact: &EntityFact,
    subscribers: Vec<(Subscriber, Updates)>,
) -> Result<Job, JobError> {
    let spec = applied.desired.transfer(name).ok_or_else(|| missing(name, "itself".to_owned()))?.clone();
    let source = applied
        .desired
        .source(&spec.source)
        .ok_or_else(|| missing(name, format!("the source `{}`", spec.source)))?;
    let project = applied.desired.project(&spec.to.project);
    let entity = project
        .and_then(|project| project.entities.get(&spec.to.entity))
        .ok_or_else(|| missing(name, format!("the entity `{}`", spec.to)))?;
    let place = project
        .and_then(|project| applied.desired.store_place(project))
        .ok_or_else(|| missing(name, format!("the store of `{}`", spec.to.project)))?;
    let uid = applied.uid(Kind::Transfer, name).ok_or_else(|| missing(name, "itself".to_owned()))?;
    let layout = Layout(entity_fact.fields.clone());
    let Compiled { stream, program } = compile(name, &spec, source, entity, &layout)?;
    let mut unique: Vec<_> = entity
        .fields
        .iter()
        .filter(|(_, field)| field.unique)
        .filter_map(|(field, _)| layout.id(field.as_str()))
        .collect();
    unique.sort_unstable();
    let defaults = Bytes::copy_from_slice(program.defaults());
    let required = program.required();
    let mut updates: BTreeSet<_> =
        subscribers.iter().flat_map(|(_, updates)| updates.iter().copied()).collect();
    // What a source says of deletions by itself deletes nothing where the transfer does not ask for it.
    if stream.deleted().is_some() && spec.deletes == Deletes::default() {
        updates.remove(&UpdateType::Deleted);
    }
    let (fingerprint, earlier) = fingerprints(name, &spec, source)?;
    Ok(Job {
        data_type: data_type(name, &spec).ok_or_else(|| missing(name, "a data type".to_owned()))?,
        transfer: name.clone(),
        uid,
        fingerprint,
        earlier,
        mapping_digest: mapping_digest((uid, fact.decided.reset), &spec, entity, &layout, &stream)?,
        target: Target {
            non_owners: Arc::new(non_owners(applied, &spec.to)),
            incarnation: entity_fact.incarnation,
            defaults,
            required,
            unique,
        },
        fence: fence(applied, &fact),
        fields: layout.0.into_iter().map(|(name, id)| (id, name)).collect(),
        subscribers: subscribers.into_iter().map(|(subscriber, _)| subscriber).collect(),
        place,
        root: applied.desired.root.clone(),
        stream,
        program,
        fact,
        updates,
        spec,
    })
}

/// The transfers that own no rows of an entity.
fn non_owners(applied: &Applied, entity: &EntityRef) -> BTreeSet<Uid> {
    let found = applied.desired.resources.iter().filter(|(_, wanted)| match &wanted.resource.spec {
        Spec::Transfer(spec) => spec.mode != Mode::Own || spec.to != *entity,
        _ => false,
    });
    found.filter_map(|(key, _)| applied.index.get(key).map(|entry| entry.uid)).collect()
}

/// What commits of a transfer are made under, without a lease yet.
pub const fn fence(applied: &Applied, fact: &TransferFact) -> Fence {
    Fence {
        generation: applied.head.generation,
        epoch: fact.decided.epoch,
        reset: fact.decided.reset,
        lease: 0,
    }
}

/// The digest of what a checkpoint depends on: how the data type is read, and how rows are made. And those that versions before
/// have kept for the same.
fn fingerprints(
    name: &Name,
    spec: &TransferSpec,
    source: &SourceSpec,
) -> Result<(Digest, Vec<Digest>), JobError> {
    let data_type = data_type(name, spec).ok_or_else(|| missing(name, "a data type".to_owned()))?;
    let not_canonical = raccord_model::canonical::CanonicalError::from;
    let digest = |settings: serde_json::Value| -> Result<Digest, JobError> {
        Ok(Digest::of(&to_bytes(&(&data_type, settings, mapping(spec)))?))
    };
    let settings = source.settings.fingerprint(&data_type).map_err(not_canonical)?;
    let earlier = source.settings.earlier_fingerprints(&data_type).map_err(not_canonical)?;
    let earlier = earlier.into_iter().map(&digest).collect::<Result<_, _>>()?;
    Ok((digest(settings)?, earlier))
}

/// The digest of what makes a row of a record. A version of Raccord may map otherwise than the one before; and once everything is
/// read again, every record is compared with its row as that is, whatever others have done to it.
fn mapping_digest(
    (uid, reset): (Uid, u64),
    spec: &TransferSpec,
    entity: &Entity,
    layout: &Layout,
    stream: &Stream,
) -> Result<Digest, JobError> {
    let own = stream.deleted().filter(|_| spec.deletes.field.is_none());
    let marks = (&spec.deletes.field, &spec.version, stream.has_texts_alone());
    let made_of = (MAPPED_BY, mapping(spec), entity, &layout.0, marks, reset);
    let mut bytes = uid.0.as_bytes().to_vec();
    bytes.extend_from_slice(to_bytes(&made_of)?.as_ref());
    if let Some(own) = own {
        bytes.extend_from_slice(to_bytes(own)?.as_ref());
    }
    Ok(Digest::of(&bytes))
}

fn missing(transfer: &Name, missing: String) -> JobError {
    JobError::Missing { transfer: transfer.clone(), missing }
}

fn does_not_compile(transfer: &Name, findings: &[Finding]) -> JobError {
    let finding = findings.first().map_or_else(String::new, |finding| finding.message.clone());
    JobError::Compile { transfer: transfer.clone(), finding }
}
