//! Partitions that the records of parent streams name. Parents are read page by page, only as far as the next partition
//! needs, and their progress is known for each partition.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::{Additions, PassedOver};
use crate::paginate::is_true;
use crate::read::Reading;
use crate::record::Record;
use crate::request::RequestOption;
use crate::slice::Slice;
use crate::stream::{Builder, Stream};
use crate::template::{Context, Template};

/// A manifest's `SubstreamPartitionRouter`.
#[derive(Debug)]
pub struct Substream {
    parents: Vec<Arc<Parent>>,
}

/// A parent stream, and which of its members name a partition.
#[derive(Debug)]
pub struct Parent {
    stream: Arc<Stream>,
    key: Template,
    field: Template,
    extra: Vec<Vec<Template>>,
    option: Option<RequestOption>,
    incremental: bool,
    lazy: Option<Vec<Template>>,
}

/// The partitions that parents name, as they come.
pub struct Parents {
    running: VecDeque<Running>,
    states: Map<String, Value>,
    context: Context,
    passed_over: Option<PassedOver>,
}

/// A parent while it is read.
struct Running {
    parent: Arc<Parent>,
    reading: Reading,
    page: VecDeque<Record>,
    partition: Map<String, Value>,
    /// Its state once the last record of the page was seen.
    after: Value,
}

/// The member of a partition that names the parent's own partition.
const PARENT: &str = "parent_slice";
/// What else is known of a partition: the child's first page, where the parent's record holds it.
pub(crate) const CHILD: &str = "child_response";

impl Substream {
    pub(super) fn build(component: &Component, builder: &Builder<'_>) -> Result<Self, Problem> {
        let parents = component.children("parent_stream_configs");
        if parents.is_empty() {
            return Err(component.invalid("parent_stream_configs", "it has no parent"));
        }
        let parents = parents.iter().map(|parent| Parent::build(parent, builder).map(Arc::new));
        Ok(Self { parents: parents.collect::<Result<_, _>>()? })
    }

    /// Whether the first page of a partition stands in a parent's record.
    pub fn is_lazy(&self) -> bool {
        self.parents.iter().any(|parent| parent.lazy.is_some())
    }

    pub(super) fn additions(&self, slice: &Slice, context: &Context) -> Result<Additions, ReadError> {
        let mut additions = Additions::default();
        for parent in &self.parents {
            let Some(option) = &parent.option else { continue };
            let value = slice.get(&parent.field.text(context)?);
            if let Some(value) = value.filter(|value| is_true(value)) {
                option.inject(&mut additions, value.clone(), context)?;
            }
        }
        Ok(additions)
    }

    pub(super) fn open(&self, context: &Context, state: &Map<String, Value>) -> Result<Parents, ReadError> {
        let running = |parent: &Arc<Parent>| {
            let state = parent.saved(state, context)?;
            let reading = parent.stream.read(state.as_ref())?;
            let after = reading.progress();
            let (page, partition) = (VecDeque::new(), Map::new());
            Ok::<_, ReadError>(Running { parent: parent.clone(), reading, page, partition, after })
        };
        let parents = self.parents.iter().map(running).collect::<Result<VecDeque<_>, _>>()?;
        let incremental = parents.iter().filter(|running| running.parent.incremental);
        let states =
            incremental.map(|running| (running.parent.stream.name().to_owned(), running.after.clone()));
        Ok(Parents {
            states: crate::object(states),
            running: parents,
            context: context.clone(),
            passed_over: None,
        })
    }
}

impl Parent {
    fn build(component: &Component, builder: &Builder<'_>) -> Result<Self, Problem> {
        let stream = component.required("stream", component.child("stream"))?;
        let template = |value: &Value, member: &str| match value {
            Value::String(text) => component.template_of(member, text),
            other => component.template_of(member, &other.to_string()),
        };
        let path = |value: &Value, member: &str| {
            let parts = component.required(member, value.as_array())?;
            parts.iter().map(|part| template(part, member)).collect::<Result<Vec<_>, _>>()
        };
        let extra = component.get("extra_fields").and_then(Value::as_array).into_iter().flatten();
        let lazy = component.get("lazy_read_pointer").filter(|pointer| is_true(pointer));
        Ok(Self {
            stream: builder.of_parents().stream(&stream)?,
            key: component.required("parent_key", component.template("parent_key")?)?,
            field: component.required("partition_field", component.template("partition_field")?)?,
            extra: extra.map(|value| path(value, "extra_fields")).collect::<Result<_, _>>()?,
            option: component
                .child("request_option")
                .map(|option| RequestOption::new(&option))
                .transpose()?,
            incremental: component.bool("incremental_dependency").unwrap_or(false),
            lazy: lazy.map(|pointer| path(pointer, "lazy_read_pointer")).transpose()?,
        })
    }

    /// The state of the parent that stands in the state of the child.
    fn saved(&self, state: &Map<String, Value>, context: &Context) -> Result<Option<Value>, ReadError> {
        if !self.incremental {
            return Ok(None);
        }
        let own = state.get("parent_state").and_then(|parents| parents.get(self.stream.name()));
        if let Some(saved) = own.or_else(|| state.get("state")) {
            return Ok(Some(saved.clone()));
        }
        let mut values =
            state.iter().filter(|(name, _)| *name != crate::cursor::NO_CURSOR).map(|(_, value)| value);
        match (values.next(), values.next(), self.stream.cursor_field(context)?) {
            (Some(value @ (Value::String(_) | Value::Number(_))), None, Some(field)) => {
                Ok(Some(Value::Object(crate::object([(field, value.clone())]))))
            }
            _ => Ok(None),
        }
    }

    /// The partition that a record names; none where it has no key.
    fn slice(
        &self,
        record: &Value,
        partition: &Map<String, Value>,
        context: &Context,
    ) -> Result<Option<Slice>, ReadError> {
        let key = self.key.text(context)?;
        let path = key.trim_start_matches('/').split('/');
        let Some(value) = value_at(record, path).filter(|value| !value.is_null()) else { return Ok(None) };
        let own = [
            (self.field.text(context)?, value.clone()),
            (PARENT.to_owned(), Value::Object(partition.clone())),
        ];
        let mut extra = Map::new();
        for path in &self.extra {
            let names = texts(path, context)?;
            let value = value_at(record, names.iter().map(String::as_str)).cloned();
            extra.insert(names.join("."), value.unwrap_or_default());
        }
        if let Some(path) = &self.lazy {
            let names = texts(path, context)?;
            let value = value_at(record, names.iter().map(String::as_str)).cloned();
            extra.insert(CHILD.to_owned(), value.unwrap_or_else(|| Value::Array(Vec::new())));
        }
        Ok(Some(Slice { partition: crate::object(own), extra, ..Slice::default() }))
    }
}

impl Parents {
    pub(super) async fn next_slice(&mut self) -> Result<Option<Slice>, ReadError> {
        while let Some(running) = self.running.front_mut() {
            while let Some(record) = running.page.pop_front() {
                if running.page.is_empty() {
                    remember(&mut self.states, running);
                }
                let value = record.value();
                if let Some(slice) = running.parent.slice(&value, &running.partition, &self.context)? {
                    return Ok(Some(slice));
                }
            }
            let page = running.reading.next().await?;
            self.passed_over = self.passed_over.take().or_else(|| running.reading.take_passed_over());
            running.after = running.reading.progress();
            if let Some(page) = page {
                running.partition = page.partition;
                running.page = page.records.into();
            }
            if running.page.is_empty() {
                remember(&mut self.states, running);
            }
            if running.reading.is_done() && running.page.is_empty() {
                self.running.pop_front();
            }
        }
        Ok(None)
    }

    pub(super) fn take_passed_over(&mut self) -> Option<PassedOver> {
        self.passed_over.take()
    }

    pub(super) fn state(&self) -> Map<String, Value> {
        self.states.clone()
    }
}

/// Notes the state of a parent once the partitions that need less have come.
fn remember(states: &mut Map<String, Value>, running: &Running) {
    if running.parent.incremental {
        states.insert(running.parent.stream.name().to_owned(), running.after.clone());
    }
}

fn texts(path: &[Template], context: &Context) -> Result<Vec<String>, ReadError> {
    path.iter().map(|part| part.text(context).map_err(ReadError::from)).collect()
}

/// What stands at a path: members by name, items by number.
pub(crate) fn value_at<'a, 'b>(
    value: &'a Value,
    path: impl IntoIterator<Item = &'b str>,
) -> Option<&'a Value> {
    let step = |value: &'a Value, name: &str| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        Value::Object(members) => members.get(name),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    path.into_iter().try_fold(value, step)
}
