//! Looking at a source without storing anything: can it be reached, and what does it say.

use jiff::Timestamp;
use raccord_compiler::connector::{self, Stream};
use raccord_model::language::{SourceSpec, TransferSpec};
use raccord_model::port::source::{Read, Source, SourceError, Sources};
use raccord_model::{DataTypeName, Desired, Kind, Name, Spec};

use super::patience::{self, Bounds, PATIENCE};
use super::prove;
use crate::reply::{Replies, RequestError};
use crate::request::Reply;
use raccord_run::Unknown;
use raccord_run::job;

/// How many records a page that is only looked at should hold.
const SAMPLE: usize = 10;

/// Asks every data type of a source for as little as shows that it answers, and says what its first page proves. One that
/// fails keeps no other from being asked, unless nothing answers at all; the error names all that failed.
pub async fn check(
    (sources, now): (&dyn Sources, Timestamp),
    desired: &Desired,
    name: &Name,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let spec = source(desired, name)?;
    let data_types = spec.settings.data_types();
    let mut failed: Vec<(&DataTypeName, RequestError)> = Vec::new();
    for (at, data_type) in data_types.iter().enumerate() {
        let look = check_one((sources, now), desired, (name, data_type), replies);
        let Err(error) = patience::within(PATIENCE, (spec, data_type), look).await else { continue };
        let is_silent = patience::is_silent(&error);
        failed.push((data_type, error));
        if is_silent {
            let rest = data_types.iter().skip(at + 1).map(|data_type| format!("`{data_type}`"));
            let rest = rest.collect::<Vec<_>>().join(", ");
            if !rest.is_empty() {
                let said = format!("{rest}: not asked for, because the service does not answer");
                replies(Reply::Done(said));
            }
            break;
        }
    }
    told(name, failed)
}

/// What failed, as one error: one alone is told as it is.
fn told(source: &Name, mut failed: Vec<(&DataTypeName, RequestError)>) -> Result<(), RequestError> {
    match (failed.len(), failed.pop()) {
        (1, Some((_, error))) => Err(error),
        (_, Some(last)) => {
            failed.push(last);
            let lines = failed.iter().map(|(data_type, error)| format!("`{data_type}`: {error}"));
            let lines = lines.collect::<Vec<_>>().join("\n");
            let message = format!("{} data types cannot be read\n{lines}", failed.len());
            Err(SourceError::Answer { place: source.to_string(), message }.into())
        }
        (_, None) => Ok(()),
    }
}

async fn check_one(
    (sources, now): (&dyn Sources, Timestamp),
    desired: &Desired,
    (name, data_type): (&Name, &DataTypeName),
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let source = open(sources, desired, name, data_type)?;
    let seen = source.check().await?;
    replies(Reply::Done(format!("{name}.{data_type}: {seen}")));
    let stream = stream(self::source(desired, name)?, name, data_type)?;
    let mut pages = source.open(Read { page_size: Some(SAMPLE), ..Read::default() }).await?;
    if let Some(page) = pages.next().await? {
        for said in prove::findings(&stream, &page, &keys(desired, name, data_type), now) {
            replies(Reply::Done(format!("  {said}")));
        }
    }
    Ok(())
}

/// The keys of the transfers that read a data type.
pub fn keys<'d>(desired: &'d Desired, source: &Name, data_type: &DataTypeName) -> Vec<prove::Key<'d>> {
    let transfers = desired.resources.iter().filter_map(|(key, wanted)| match &wanted.resource.spec {
        Spec::Transfer(spec) if spec.source == *source => Some((&key.name, spec)),
        _ => None,
    });
    let reads = |name: &Name, spec: &TransferSpec| job::data_type(name, spec).as_ref() == Some(data_type);
    transfers
        .filter(|(name, spec)| reads(name, spec))
        .filter_map(|(transfer, spec)| {
            let paths = job::mapping(spec)?.primary_key.values().filter_map(|part| part.from.as_ref());
            Some(prove::Key { transfer, paths: paths.collect() })
        })
        .collect()
}

/// Raw records of one data type.
pub async fn read(
    sources: &dyn Sources,
    desired: &Desired,
    (name, data_type): (&Name, &DataTypeName),
    bounds: Bounds,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let spec = source(desired, name)?;
    let source = open(sources, desired, name, data_type)?;
    let mut left = bounds.limit;
    let read = tokio::time::timeout(bounds.patience(), read_pages(source.as_ref(), &mut left, replies));
    let read = read.await;
    read.unwrap_or_else(|_| Err(bounds.exceeded((spec, data_type), left)))
}

async fn read_pages(
    source: &dyn Source,
    left: &mut usize,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let mut pages = source.open(Read { page_size: Some(*left), ..Read::default() }).await?;
    while let Some(page) = pages.next().await? {
        for record in page.records.iter().take(*left) {
            replies(Reply::Raw(record.to_json()));
            *left -= 1;
        }
        if *left == 0 || page.next.is_none() {
            break;
        }
    }
    Ok(())
}

/// A source of the configuration.
pub fn source<'d>(desired: &'d Desired, name: &Name) -> Result<&'d SourceSpec, RequestError> {
    let unknown =
        || RequestError::unknown_in("the configuration", Kind::Source, name, desired.resources.keys());
    desired.source(name).ok_or_else(unknown)
}

/// One data type of a source of the configuration, ready to be read.
pub fn open(
    sources: &dyn Sources,
    desired: &Desired,
    name: &Name,
    data_type: &DataTypeName,
) -> Result<Box<dyn Source>, RequestError> {
    // What is wrong with the names is told better here.
    stream(source(desired, name)?, name, data_type)?;
    Ok(sources.open(desired, name, data_type)?)
}

/// How one data type of a source is read.
pub fn stream(spec: &SourceSpec, name: &Name, data_type: &DataTypeName) -> Result<Stream, RequestError> {
    let (stream, findings) = connector::lower(&spec.settings, data_type);
    stream.ok_or_else(|| {
        let known: Vec<String> =
            spec.settings.data_types().iter().map(|known| format!("`{known}`")).collect();
        match findings.first() {
            Some(finding) if spec.settings.data_types().contains(&data_type) => {
                RequestError::Invalid(finding.message.clone())
            }
            _ => Unknown {
                kind: "data type",
                name: data_type.to_string(),
                hint: format!(" in the source `{name}`; it has {}", known.join(", ")),
            }
            .into(),
        }
    })
}
