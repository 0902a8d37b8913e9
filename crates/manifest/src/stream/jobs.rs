//! What getting records by a job of the service needs: a manifest's `AsyncRetriever`. One request makes the job, others
//! ask for its status, and when it is done its results are downloaded.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::retrieval::{Rules, SliceOn, schema};
use super::{Builder, PageRetrieval, Properties, Use};
use crate::component::{Component, Problem};
use crate::exchange::{Requester, Role, Selector};
use crate::paginate::Paginator;
use crate::select;
use crate::template::Template;

/// What getting records by a job of the service needs.
pub(crate) struct JobRetrieval {
    pub(crate) create: Arc<dyn Requester>,
    pub(crate) poll: Arc<dyn Requester>,
    pub(crate) targets: Option<Arc<dyn Requester>>,
    pub(crate) abort: Option<Arc<dyn Requester>>,
    pub(crate) delete: Option<Arc<dyn Requester>>,
    pub(crate) status: Arc<dyn Selector>,
    pub(crate) target: Option<Arc<dyn Selector>>,
    /// Reads the answer to the request that makes the job.
    pub(crate) download: PageRetrieval,
    /// In minutes.
    pub(crate) timeout: Option<Template>,
    /// In seconds.
    pub(crate) retry_wait: Option<Template>,
    statuses: Vec<(String, JobStatus)>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobStatus {
    /// It goes on.
    Running,
    /// Its results are there.
    Completed,
    /// It ended without results.
    Failed,
    /// The service gave it up.
    TimedOut,
    /// There is nothing to read.
    Skipped,
}

/// So long a job may take.
pub(crate) const TIMEOUT_MINUTES: i64 = 60;
/// So long is waited between two questions for the status of a job.
pub(crate) const POLL_WAIT: Duration = Duration::from_secs(5);
/// So often a job is made.
pub(crate) const MOST_ATTEMPTS: u32 = 3;

impl JobRetrieval {
    pub(super) fn build(
        retriever: &Component,
        stream: &Component,
        builder: &Builder<'_>,
    ) -> Result<Self, Problem> {
        let child = |name| retriever.required(name, retriever.child(name));
        let name = stream.str("name").unwrap_or_default();
        let requester = |component: &Component| match Properties::of(component, builder)? {
            Some(_) => Err(component.invalid("", "a request of a job names no properties")),
            None => builder.parts.requester(component, Use { stream: name, role: Role::Status }),
        };
        let optional = |name| retriever.child(name).map(|component| requester(&component)).transpose();
        let decoder = retriever.child("decoder");
        let extracted =
            |extractor: &Component| builder.parts.selector(plain(extractor, decoder.as_ref()).parts());
        let target = retriever.child("download_target_extractor");
        if target.is_none() && retriever.get("download_target_requester").is_some() {
            return Err(retriever.invalid("download_target_extractor", "it is required and missing"));
        }
        Ok(Self {
            create: requester(&child("creation_requester")?)?,
            poll: requester(&child("polling_requester")?)?,
            targets: optional("download_target_requester")?,
            abort: optional("abort_requester")?,
            delete: optional("delete_requester")?,
            status: extracted(&child("status_extractor")?)?,
            target: target.map(|target| extracted(&target)).transpose()?,
            download: download(retriever, stream, builder)?,
            timeout: retriever.template("polling_job_timeout")?,
            retry_wait: retriever.template("failed_retry_wait_time_in_seconds")?,
            statuses: statuses(&child("status_mapping")?),
        })
    }

    /// What a status of the service means; none where the manifest does not say.
    pub(crate) fn meaning(&self, status: &str) -> Option<JobStatus> {
        self.statuses.iter().find(|(known, _)| known == status).map(|(_, meaning)| *meaning)
    }
}

/// The pages of a download: its own requester, extractor, decoder and paginator, and filter and transformations of the
/// stream.
fn download(
    retriever: &Component,
    stream: &Component,
    builder: &Builder<'_>,
) -> Result<PageRetrieval, Problem> {
    let requester = retriever.required("download_requester", retriever.child("download_requester"))?;
    let selector = retriever.required("record_selector", retriever.child("record_selector"))?;
    let mut members = selector.members().clone();
    let extractor = retriever.get("download_extractor").cloned();
    members.insert("extractor".to_owned(), extractor.unwrap_or_else(whole));
    let selector = Component::new(members, selector.path());
    let transformations = stream.children("transformations");
    let (decoder, schema) = (retriever.child("download_decoder"), schema(stream, &selector)?);
    let parts = select::Parts {
        selector: &selector,
        decoder: decoder.as_ref(),
        transformations: &transformations,
        schema: schema.as_ref(),
        client_side: false,
    };
    Ok(PageRetrieval {
        selector: builder.parts.selector(parts)?,
        requester: builder
            .parts
            .requester(&requester, builder.within(stream.str("name").unwrap_or_default()))?,
        paginator: Paginator::build(retriever.child("download_paginator").as_ref(), &builder.config)?,
        rules: Rules { slice_on: SliceOn::None, ..Rules::default() },
        properties: None,
    })
}

/// An extractor that takes the whole answer.
fn whole() -> Value {
    json!({"type": "DpathExtractor", "field_path": []})
}

/// A selector that only extracts.
struct Plain<'a> {
    selector: Component,
    decoder: Option<&'a Component>,
}

impl Plain<'_> {
    fn parts(&self) -> select::Parts<'_> {
        select::Parts {
            selector: &self.selector,
            decoder: self.decoder,
            transformations: &[],
            schema: None,
            client_side: false,
        }
    }
}

fn plain<'a>(extractor: &Component, decoder: Option<&'a Component>) -> Plain<'a> {
    let members = crate::object([
        ("type".to_owned(), Value::from("RecordSelector")),
        ("extractor".to_owned(), Value::Object(extractor.members().clone())),
    ]);
    Plain { selector: Component::new(members, extractor.path()), decoder }
}

fn statuses(mapping: &Component) -> Vec<(String, JobStatus)> {
    let meanings = [
        ("running", JobStatus::Running),
        ("completed", JobStatus::Completed),
        ("failed", JobStatus::Failed),
        ("timeout", JobStatus::TimedOut),
        ("skipped", JobStatus::Skipped),
    ];
    let of = |(name, meaning): (&str, JobStatus)| {
        let names = mapping.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        names.into_iter().filter_map(move |name| name.as_str().map(|name| (name.to_owned(), meaning)))
    };
    meanings.into_iter().flat_map(of).collect()
}
