//! Opens sources for runs and for looking at them. Transfers of one source share its connections and its
//! rate limit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use raccord_compiler::connector::Stream;
use raccord_connect::{SecretReader, SourceShared};
use raccord_model::Name;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, SourceSpec};
use raccord_model::port::source::{Source, SourceError};

use crate::applied::Applied;
use crate::environment::Environment;
use crate::run::job::Job;

/// The sources of one run.
pub struct Sources {
    environment: Arc<dyn Environment>,
    shared: BTreeMap<Name, SourceShared>,
}

impl Sources {
    /// None is open yet.
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self { environment, shared: BTreeMap::new() }
    }

    /// The source of a job.
    pub fn open(&mut self, applied: &Applied, job: &Job) -> Result<Box<dyn Source>, SourceError> {
        let name = &job.spec.source;
        let Some(spec) = applied.desired.source(name) else {
            let message = "the generation in force does not have this source".to_owned();
            return Err(SourceError::Answer { place: name.to_string(), message });
        };
        let authorization = authorization(spec, |name| applied.desired.authorization(name));
        let root = applied.head.root.as_deref().unwrap_or(".");
        self.open_stream((name, spec), job.stream.clone(), authorization, root.as_ref())
    }

    /// One data type of a source.
    pub fn open_stream(
        &mut self,
        (name, spec): (&Name, &SourceSpec),
        stream: Stream,
        authorization: Option<&AuthorizationSpec>,
        root: &Path,
    ) -> Result<Box<dyn Source>, SourceError> {
        if !self.shared.contains_key(name) {
            let shared = self.share(spec, root)?;
            self.shared.insert(name.clone(), shared);
        }
        let shared = &self.shared[name];
        raccord_connect::open_source(stream, authorization, root, shared)
    }

    fn share(&self, spec: &SourceSpec, root: &Path) -> Result<SourceShared, SourceError> {
        let (variables, clock) = (Arc::clone(&self.environment), Arc::clone(&self.environment));
        let secrets = SecretReader::new(Arc::new(move |name| variables.variable(name)), root);
        let (seed, _) = self.environment.new_id().as_u64_pair();
        SourceShared::new(&spec.settings, secrets, Arc::new(move || clock.now()), seed)
    }
}

/// The authorization of a source: inline, or found by its name.
pub fn authorization<'a>(
    spec: &'a SourceSpec,
    find: impl FnOnce(&Name) -> Option<&'a AuthorizationSpec>,
) -> Option<&'a AuthorizationSpec> {
    match spec.authorization.as_ref()? {
        ByNameOrInline::Inline(authorization) => Some(authorization),
        ByNameOrInline::ByName(name) => find(name),
    }
}
