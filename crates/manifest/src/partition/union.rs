//! The partitions of several routers, each key once.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Partitions, Router};
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::PassedOver;
use crate::slice::Slice;
use crate::stream::Builder;
use crate::template::Context;

/// A manifest's `UnionPartitionRouter`.
#[derive(Debug)]
pub struct Union {
    routers: Vec<Router>,
    field: String,
}

/// Their partitions, as they come.
pub struct United {
    partitions: Vec<Partitions>,
    at: usize,
    field: String,
    seen: HashSet<String>,
}

impl Union {
    pub(super) fn build(component: &Component, builder: &Builder<'_>) -> Result<Self, Problem> {
        let routers = component.children("partition_routers");
        let field = component.str("partition_field").map(str::to_owned);
        Ok(Self {
            routers: routers.iter().map(|router| Router::build(router, builder)).collect::<Result<_, _>>()?,
            field: component.required("partition_field", field)?,
        })
    }

    pub(super) fn open(&self, context: &Context, state: &Map<String, Value>) -> Result<United, ReadError> {
        let partitions =
            self.routers.iter().map(|router| router.open(context, state)).collect::<Result<_, _>>()?;
        Ok(United { partitions, at: 0, field: self.field.clone(), seen: HashSet::new() })
    }
}

impl United {
    pub(super) async fn next_slice(&mut self) -> Result<Option<Slice>, ReadError> {
        while let Some(partitions) = self.partitions.get_mut(self.at) {
            let Some(mut slice) = partitions.next_slice().await? else {
                self.at += 1;
                continue;
            };
            let Some(key) = slice.partition.remove(&self.field) else {
                let message = format!("a partition has no `{}`", self.field);
                return Err(ReadError::Settings(message));
            };
            if self.seen.insert(key.to_string()) {
                slice.extra.append(&mut slice.partition);
                let partition = crate::object([(self.field.clone(), key)]);
                return Ok(Some(Slice { partition, extra: slice.extra, ..Slice::default() }));
            }
        }
        Ok(None)
    }

    pub(super) fn take_passed_over(&mut self) -> Option<PassedOver> {
        self.partitions.iter_mut().find_map(Partitions::take_passed_over)
    }

    pub(super) fn parent_state(&self) -> Map<String, Value> {
        let states = self.partitions.iter().filter_map(Partitions::parent_state);
        let members = |state| if let Value::Object(members) = state { members } else { Map::new() };
        crate::object(states.flat_map(members))
    }
}
