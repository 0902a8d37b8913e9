//! Partitions of another router, several at a time: for services that take many keys in one request.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Partitions, Router};
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::PassedOver;
use crate::slice::Slice;
use crate::stream::Builder;
use crate::template::Context;

/// A manifest's `GroupingPartitionRouter`.
#[derive(Debug)]
pub struct Grouping {
    router: Router,
    size: usize,
    once: bool,
}

/// Groups of partitions, as they come.
pub struct Grouped {
    partitions: Partitions,
    size: usize,
    seen: Option<HashSet<String>>,
    parents: Option<Value>,
    is_done: bool,
}

/// The member that names a parent's own partition.
const PARENT: &str = "parent_slice";

impl Grouping {
    pub(super) fn build(component: &Component, builder: &Builder<'_>) -> Result<Self, Problem> {
        let router = component.child("underlying_partition_router");
        let router = component.required("underlying_partition_router", router)?;
        let size = component.get("group_size").and_then(Value::as_u64);
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
        Ok(Self {
            router: Router::build(&router, builder)?,
            size: component.required("group_size", size)?,
            once: component.bool("deduplicate").unwrap_or(true),
        })
    }

    pub(super) fn open(&self, context: &Context, state: &Map<String, Value>) -> Result<Grouped, ReadError> {
        Ok(Grouped {
            partitions: self.router.open(context, state)?,
            size: self.size,
            seen: self.once.then(HashSet::new),
            parents: Some(Value::Object(Map::new())),
            is_done: false,
        })
    }
}

impl Grouped {
    pub(super) async fn next_slice(&mut self) -> Result<Option<Slice>, ReadError> {
        let mut group = Vec::new();
        while !self.is_done && group.len() < self.size {
            match self.partitions.next_slice().await? {
                None => self.is_done = true,
                Some(slice) => {
                    if self.is_new(&slice)? {
                        group.push(slice);
                    }
                }
            }
        }
        self.parents = self.partitions.parent_state();
        Ok((!group.is_empty()).then(|| grouped(&group)))
    }

    pub(super) fn take_passed_over(&mut self) -> Option<PassedOver> {
        self.partitions.take_passed_over()
    }

    pub(super) fn parent_state(&self) -> Option<Value> {
        self.parents.clone()
    }

    /// Whether its key did not come up before.
    fn is_new(&mut self, slice: &Slice) -> Result<bool, ReadError> {
        let mut keys = slice.partition.iter().filter(|(name, _)| *name != PARENT).map(|(_, value)| value);
        match (keys.next(), keys.next()) {
            (Some(key), None) => Ok(self.seen.as_mut().is_none_or(|seen| seen.insert(key.to_string()))),
            _ => Err(ReadError::Settings("only partitions with a single key can be grouped".to_owned())),
        }
    }
}

/// Several slices as one: each member is the list of theirs.
fn grouped(group: &[Slice]) -> Slice {
    let lists = |members: fn(&Slice) -> &Map<String, Value>| {
        let names = group.iter().flat_map(|slice| members(slice).keys());
        let list = |name: &String| {
            group.iter().map(|slice| members(slice).get(name).cloned().unwrap_or_default()).collect()
        };
        crate::object(names.map(|name| (name.clone(), list(name))))
    };
    Slice {
        partition: lists(|slice| &slice.partition),
        extra: lists(|slice| &slice.extra),
        ..Slice::default()
    }
}
