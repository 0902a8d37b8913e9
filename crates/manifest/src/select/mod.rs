//! From an answer to records: where they stand, which of them are kept, and what is made of them. It never asks a
//! service.

mod answer_kind;
mod draft;
mod expand;
mod extract;
mod members;
mod normalize;
pub mod path;
mod seek;
mod transform;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::Json;
use crate::component::{Component, Problem};
use crate::decode::{Decoder, content_type};
use crate::error::ReadError;
use crate::exchange::{AnswerKind, Beside, ComplaintContext, Selected, Selector, token_variable};
use crate::record::Record;
use crate::service::Service;
use crate::slice::Slice;
use crate::template::{Context, Scope, Template};
use crate::transport::Response;

use draft::{Draft, Made, View};
use extract::{Extracted, Extractor};
use members::Wanted;
use path::Segment;
pub(crate) use seek::{Found, seek};
pub(crate) use transform::transformed;
use transform::{Ready, Transformation};

/// Whether a cursor keeps a record: the filter of a stream whose service cannot filter by time.
pub type Keeps = Arc<dyn Fn(&Value, &Slice) -> Result<bool, ReadError> + Send + Sync>;

/// What a selector is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The `RecordSelector` of the retriever.
    pub selector: &'a Component,
    /// The `decoder` of the retriever; JSON where there is none.
    pub decoder: Option<&'a Component>,
    /// The `transformations` of the stream.
    pub transformations: &'a [Component],
    /// The JSON schema of the stream, where records may be normalized by it.
    pub schema: Option<&'a Json>,
    /// Whether the stream's cursor filters what the service sends: `is_client_side_incremental`.
    pub client_side: bool,
}

/// A `RecordSelector`, compiled.
pub struct RecordSelector {
    decoder: Decoder,
    extractor: Extractor,
    condition: Option<Template>,
    keeps: Option<Keeps>,
    transformations: Vec<Transformation>,
    view: View,
    transform_first: bool,
    schema: Option<Json>,
    service: Arc<Service>,
}

impl RecordSelector {
    /// The selector of a stream.
    ///
    /// # Errors
    /// When a component is wrong, or cannot be used here.
    pub fn new(parts: Parts<'_>, service: &Arc<Service>) -> Result<Self, Problem> {
        let context = &service.context();
        let component = parts.selector;
        if component.kind() != "RecordSelector" {
            return Err(component.unsupported());
        }
        let extractor = component.required("extractor", component.child("extractor"))?;
        let condition = match component.child("record_filter") {
            Some(filter) if filter.kind() != "RecordFilter" => return Err(filter.unsupported()),
            Some(filter) => filter.template("condition")?,
            None => None,
        };
        let schema = match (component.get("schema_normalization"), parts.schema) {
            (Some(Value::String(kind)), schema) if kind == "Default" => schema.cloned(),
            (Some(Value::Object(_)), _) => {
                let custom = component.child("schema_normalization");
                return Err(custom.as_ref().unwrap_or(component).unsupported());
            }
            _ => None,
        };
        let transformations = Transformation::all(parts.transformations, context)?;
        Ok(Self {
            decoder: match extractor.kind() {
                "ResponseToFileExtractor" => Decoder::of_job(&extractor),
                _ => Decoder::new(parts.decoder)?,
            },
            extractor: Extractor::new(&extractor, context)?,
            keeps: None,
            view: View::of(
                transformations.iter().flat_map(Transformation::templates).chain(&condition),
                transformations.iter().flat_map(Transformation::names),
            ),
            condition,
            transformations,
            transform_first: component.bool("transform_before_filtering").unwrap_or(parts.client_side),
            schema,
            service: service.clone(),
        })
    }

    /// The same with the filter of a cursor, which comes before the condition.
    #[must_use]
    pub fn keeping(mut self, keeps: Keeps) -> Self {
        self.keeps = Some(keeps);
        self
    }

    fn is_kept(&self, draft: &mut Draft<'_>, slice: &Slice, context: &Context) -> Result<bool, ReadError> {
        if let Some(keeps) = &self.keeps
            && !keeps(draft.value(), slice)?
        {
            return Ok(false);
        }
        match &self.condition {
            Some(condition) => Ok(condition.is_true(Scope::new(context, &[("record", draft.seen())]))?),
            None => Ok(true),
        }
    }

    /// What stands where the records were looked for, and whether it is what went wrong instead.
    fn answer_kind(&self, answer: &Response, documents: &[Record], extracted: &Extracted) -> AnswerKind {
        let count = extracted.records.len() + extracted.skipped;
        // A list has several elements; one record may be the answer itself, which says what went wrong.
        let answer_kind = match count {
            0 | 1 => answer_kind::of(answer, (&self.decoder, &self.extractor), documents),
            _ => AnswerKind::List,
        };
        if let AnswerKind::Wrong(why) = answer_kind {
            let kind = content_type(answer).unwrap_or("of no type");
            return AnswerKind::Wrong(format!("{why} ({kind})"));
        }
        if answer_kind == AnswerKind::Empty || !self.decoder.is_json() {
            return self.allowed(answer_kind);
        }
        let beside = match &answer_kind {
            AnswerKind::List if count == 0 => Beside::EmptyList,
            AnswerKind::List => Beside::Records,
            AnswerKind::One => Beside::OneRecord,
            AnswerKind::Missing(_) | AnswerKind::Wrong(_) | AnswerKind::Empty => Beside::Nothing,
        };
        let place = ComplaintContext { beside, member: self.extractor.first_member() };
        match self.service.complaint(&answer.body, place) {
            Some(said) => AnswerKind::Wrong(format!("the service says: {said}")),
            None => self.allowed(answer_kind),
        }
    }

    /// The same, where an answer without the list has no records.
    fn allowed(&self, answer_kind: AnswerKind) -> AnswerKind {
        match answer_kind {
            AnswerKind::Missing(_) if self.service.may_be_missing() => AnswerKind::Empty,
            other => other,
        }
    }

    fn normalize(&self, draft: &mut Draft<'_>) {
        let Some(schema) = &self.schema else { return };
        let mut value = Value::clone(draft.value());
        if normalize::normalize(&mut value, schema) {
            *draft.value_mut() = value;
        }
    }

    /// What is made of a record; none where it is filtered out. A text that is new is written into `buffer`.
    fn made(&self, record: Record, page: &Page<'_>, buffer: &mut Vec<u8>) -> Result<Option<Made>, ReadError> {
        let text;
        let mut draft = match record {
            Record::Span(span) => {
                text = span;
                Draft::of_text(&text, &self.view)
            }
            Record::Value(value) => Draft::new(value, &self.view),
        };
        if self.transform_first {
            page.transform(&mut draft)?;
        }
        if !self.is_kept(&mut draft, page.slice, &page.context)? {
            return Ok(None);
        }
        if !self.transform_first {
            page.transform(&mut draft)?;
        }
        self.normalize(&mut draft);
        Ok(Some(draft.finish(buffer)))
    }
}

/// What is the same for all records of a page.
struct Page<'a> {
    slice: &'a Slice,
    transformations: Vec<Ready<'a>>,
    slice_context: Context,
    context: Context,
}

impl Page<'_> {
    fn transform<'r>(&'r self, draft: &mut Draft<'r>) -> Result<(), ReadError> {
        self.transformations.iter().try_for_each(|one| one.apply(draft, &self.slice_context))
    }
}

impl Selector for RecordSelector {
    fn select(&self, answer: &Response, slice: &Slice, token: Option<&Value>) -> Result<Selected, ReadError> {
        if answer.status >= 400 {
            return Ok(Selected::default());
        }
        let documents = self.decoder.documents(answer)?;
        let extracted = self.extractor.extract(&documents)?;
        let is_json = extracted.is_json;
        let answer_kind = self.answer_kind(answer, &documents, &extracted);
        let count = extracted.records.len() + extracted.skipped;
        let slice_context = slice.context(&self.service.context());
        let page = Page {
            slice,
            transformations: self.transformations.iter().map(|one| one.ready(&slice_context)).collect(),
            context: slice_context.with("next_page_token", &token_variable(token)),
            slice_context,
        };
        let (mut made, mut buffer) = (Vec::with_capacity(extracted.records.len()), Vec::new());
        for record in extracted.records {
            made.extend(self.made(record, &page, &mut buffer)?);
        }
        let buffer = Bytes::from(buffer);
        let record = |made| match made {
            Made::Record(record) => record,
            Made::Written(range) => Record::Span(buffer.slice(range)),
        };
        let records = made.into_iter().map(record).collect();
        Ok(Selected { records, extracted: count, is_json, answer_kind })
    }

    fn variable(&self, answer: &Response, is_json: bool, members: Option<&[String]>) -> Json {
        if self.decoder.is_streamed() {
            return Arc::new(Value::Object(serde_json::Map::new()));
        }
        let documents = self.decoder.documents(answer).unwrap_or_default();
        if let (Some(Record::Span(text)), Some(names)) = (documents.first(), members)
            && (is_json || serde_json::from_slice::<IgnoredAny>(text).is_ok())
            && let Some(found) = Wanted::named(names).find(text)
        {
            return Arc::new(Value::Object(found.members.into_object()));
        }
        let first = documents.first().map(Record::value).filter(|value| !value.is_null());
        Arc::new(first.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
    }
}

impl fmt::Debug for RecordSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordSelector").field("extractor", &self.extractor).finish_non_exhaustive()
    }
}

/// The path of a member, its templates evaluated.
fn evaluated_path(component: &Component, member: &str, config: &Context) -> Result<Vec<Segment>, Problem> {
    let segments = component.required(member, component.get(member).and_then(Value::as_array))?;
    let segment = |segment: &Value| match segment {
        Value::String(text) => {
            let template = component.template_of(member, text)?;
            let value = template.value(config).map_err(|error| component.invalid(member, error))?;
            Ok(Segment::of(&value))
        }
        other => Ok(Segment::of(other)),
    };
    segments.iter().map(segment).collect()
}

#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod tests;
