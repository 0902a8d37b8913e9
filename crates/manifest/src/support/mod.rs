//! Findings over a manifest: for every stream whether it can be used here, and if not, why, all at once. Nothing is sent
//! and no configuration is needed.

mod language;
mod metadata;
mod native;
mod offline;
#[cfg(test)]
mod tests;
mod variant;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

pub use metadata::Metadata;
pub(crate) use native::replace;

use crate::Json;
use crate::component::{Component, Problem, ProblemKind};
use crate::connector::Connector;
use crate::dynamic::Dynamic;
use crate::load::Manifest;
use crate::service::Service;
use crate::spec::{DataType, Specification};
pub use offline::Offline;

/// What was found in a manifest.
#[derive(Debug, Clone)]
pub struct Report {
    /// What stands in the way of every stream.
    pub general: Vec<Problem>,
    /// Its streams, in their order.
    pub streams: Vec<StreamReport>,
    /// What gives streams only later.
    pub dynamic: Vec<StreamReport>,
}

/// What was found in a stream.
#[derive(Debug, Clone)]
pub struct StreamReport {
    /// What it gives.
    pub data_type: DataType,
    /// What stands in its way; nothing where it can be used.
    pub problems: Vec<Problem>,
}

/// The sums of reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Manifests of which every stream can be used.
    pub whole: usize,
    /// Manifests of which some streams can be used.
    pub partial: usize,
    /// Manifests of which no stream can be used.
    pub none: usize,
    /// Streams that can be used.
    pub usable: usize,
    /// Streams that cannot.
    pub unusable: usize,
    /// By reason: in the way of how many streams it stands.
    pub reasons: BTreeMap<String, usize>,
}

impl Report {
    /// Looks at a manifest.
    pub fn of(manifest: &Manifest) -> Self {
        let config: Json = Arc::new(Value::Object(Map::new()));
        let transport = Arc::new(Offline);
        let service = Service::new(transport.clone(), &config);
        let connector = Connector::new(manifest.clone(), service, transport);
        let mut general: Vec<_> = Specification::of(manifest).err().into_iter().collect();
        general.extend(manifest.root().child("api_budget").iter().flat_map(walk::problems));
        let stream = |component: &Component, conditional: bool| {
            let mut problems = walk::problems(component);
            for variant in variant::variants(component) {
                if let Err(problem) = connector.build(&variant) {
                    add(&mut problems, problem);
                }
            }
            StreamReport { data_type: DataType::of(component, conditional), problems }
        };
        let streams = manifest.streams().iter();
        Self {
            general,
            streams: streams.map(|found| stream(&found.component, found.condition.is_some())).collect(),
            dynamic: manifest.dynamic_streams().iter().map(dynamic).collect(),
        }
    }

    /// How many of its streams can be used.
    pub fn usable(&self) -> usize {
        if self.general.is_empty() {
            self.all().filter(|stream| stream.problems.is_empty()).count()
        } else {
            0
        }
    }

    /// All of its streams, those that are known only later at the end.
    pub fn all(&self) -> impl Iterator<Item = &StreamReport> {
        self.streams.iter().chain(&self.dynamic)
    }
}

/// Adds a problem that is not known yet.
fn add(problems: &mut Vec<Problem>, problem: Problem) {
    let is_known = |known: &Problem| known.path == problem.path || known.message == problem.message;
    if !problems.iter().any(is_known) {
        problems.push(problem);
    }
}

fn dynamic(component: &Component) -> StreamReport {
    let mut problems = walk::problems(component);
    if let Err(problem) = Dynamic::of(component) {
        add(&mut problems, problem);
    }
    StreamReport { data_type: DataType::of(component, false), problems }
}

/// The reason that a problem is counted under: the class, the component, or what is wrong.
fn reason(problem: &Problem) -> String {
    match &problem.kind {
        ProblemKind::Custom { class_name } => class_name.clone(),
        ProblemKind::Unsupported | ProblemKind::Invalid => problem.message.clone(),
    }
}

impl Totals {
    /// Adds what was found in another manifest.
    pub fn add(&mut self, report: &Report) {
        let (usable, all) = (report.usable(), report.all().count());
        match usable {
            0 => self.none += 1,
            usable if usable == all => self.whole += 1,
            _ => self.partial += 1,
        }
        self.usable += usable;
        self.unusable += all - usable;
        for stream in report.all() {
            let reasons: BTreeSet<_> = report.general.iter().chain(&stream.problems).map(reason).collect();
            for reason in reasons {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }
}
