//! Partitions: the parts of a stream that are read one after the other, because a list or the records of a parent
//! stream name them. A router says which there are and what a request carries of one; partitions come one at a time,
//! and parents are read as far as they are needed.

mod group;
mod list;
mod parents;
mod product;
#[cfg(test)]
mod tests;
mod union;

use std::vec;

use serde_json::{Map, Value};

pub(crate) use parents::{CHILD, value_at};
pub use parents::{Parent, Substream};

use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::{Additions, PassedOver};
use crate::slice::Slice;
use crate::stream::Builder;
use crate::template::Context;
use crate::transport::Async;

use group::{Grouped, Grouping};
use list::List;
use parents::Parents;
use product::Product;
use union::{Union, United};

/// What says which partitions a stream has.
#[derive(Debug)]
pub enum Router {
    /// The values of a list.
    List(List),
    /// The records of parent streams.
    Substream(Substream),
    /// Each partition of one with each of the others.
    Product(Vec<Router>),
    /// Partitions of another, several at a time.
    Grouping(Box<Grouping>),
    /// Those of several, each once.
    Union(Union),
}

/// The partitions of a stream, as they come.
pub enum Partitions {
    /// The one partition of a stream without a router.
    One(Option<Slice>),
    /// Those of a list.
    List(vec::IntoIter<Slice>),
    /// Those of parents.
    Parents(Box<Parents>),
    /// Those of a product.
    Product(Box<Product>),
    /// Groups.
    Grouped(Box<Grouped>),
    /// Those of several routers.
    United(Box<United>),
}

impl Router {
    /// The router of a retriever; none where it has no partitions.
    ///
    /// # Errors
    /// When a component in it is wrong or not known.
    pub fn of_retriever(retriever: &Component, builder: &Builder<'_>) -> Result<Option<Self>, Problem> {
        match retriever.get("partition_router") {
            None => Ok(None),
            Some(Value::Array(_)) => {
                let routers = retriever.children("partition_router");
                let routers =
                    routers.iter().map(|router| Self::build(router, builder)).collect::<Result<_, _>>()?;
                Ok(Some(Self::Product(routers)))
            }
            Some(_) => {
                let router = retriever.child("partition_router");
                let router = retriever.required("partition_router", router)?;
                Self::build(&router, builder).map(Some)
            }
        }
    }

    /// The router that a component is.
    ///
    /// # Errors
    /// When a component in it is wrong or not known.
    pub fn build(component: &Component, builder: &Builder<'_>) -> Result<Self, Problem> {
        match component.kind() {
            "ListPartitionRouter" => List::build(component).map(Self::List),
            "SubstreamPartitionRouter" => Substream::build(component, builder).map(Self::Substream),
            "CartesianProductStreamSlicer" => {
                let routers = component.children("stream_slicers");
                let routers = routers.iter().map(|router| Self::build(router, builder));
                routers.collect::<Result<_, _>>().map(Self::Product)
            }
            "GroupingPartitionRouter" => Ok(Self::Grouping(Box::new(Grouping::build(component, builder)?))),
            "UnionPartitionRouter" => Union::build(component, builder).map(Self::Union),
            _ => Err(component.unsupported()),
        }
    }

    /// Whether it groups partitions: they have no states of their own then.
    pub fn is_grouping(&self) -> bool {
        matches!(self, Self::Grouping(_))
    }

    /// What a request carries of a partition.
    ///
    /// # Errors
    /// When a template has no value.
    pub fn additions(&self, slice: &Slice, context: &Context) -> Result<Additions, ReadError> {
        match self {
            Self::List(list) => list.additions(slice, context),
            Self::Substream(substream) => substream.additions(slice, context),
            Self::Product(routers) => {
                let mut additions = Additions::default();
                // Of two that set the same, the first one wins.
                for router in routers.iter().rev() {
                    additions.overlay(router.additions(slice, context)?);
                }
                Ok(additions)
            }
            Self::Grouping(_) | Self::Union(_) => Ok(Additions::default()),
        }
    }

    /// Begins with the first partition. `state` is that of the stream that has the router.
    ///
    /// # Errors
    /// When a template has no value, or the state cannot be used.
    pub fn open(&self, context: &Context, state: &Map<String, Value>) -> Result<Partitions, ReadError> {
        let open = |router: &Self| router.open(context, state);
        Ok(match self {
            Self::List(list) => Partitions::List(list.slices(context)?.into_iter()),
            Self::Substream(substream) => Partitions::Parents(Box::new(substream.open(context, state)?)),
            Self::Product(routers) => {
                let parts = routers.iter().map(open).collect::<Result<_, _>>()?;
                Partitions::Product(Box::new(Product::new(parts)))
            }
            Self::Grouping(grouping) => Partitions::Grouped(Box::new(grouping.open(context, state)?)),
            Self::Union(union) => Partitions::United(Box::new(union.open(context, state)?)),
        })
    }
}

impl Partitions {
    /// The next partition; none after the last one.
    pub fn next_slice(&mut self) -> Async<'_, Result<Option<Slice>, ReadError>> {
        Box::pin(async move {
            match self {
                Self::One(slice) => Ok(slice.take()),
                Self::List(slices) => Ok(slices.next()),
                Self::Parents(parents) => parents.next_slice().await,
                Self::Product(product) => product.next_slice().await,
                Self::Grouped(grouped) => grouped.next_slice().await,
                Self::United(united) => united.next_slice().await,
            }
        })
    }

    /// What of the parents was passed over since this was last asked: some partitions may be missing.
    pub fn take_passed_over(&mut self) -> Option<PassedOver> {
        match self {
            Self::One(_) | Self::List(_) => None,
            Self::Parents(parents) => parents.take_passed_over(),
            Self::Product(product) => product.take_passed_over(),
            Self::Grouped(grouped) => grouped.take_passed_over(),
            Self::United(united) => united.take_passed_over(),
        }
    }

    /// The states of the parents that are read incrementally, by their names, as far as the partitions that came need
    /// them. None where there are no parents.
    pub fn parent_state(&self) -> Option<Value> {
        match self {
            Self::One(_) | Self::List(_) | Self::Product(_) => None,
            Self::Parents(parents) => Some(Value::Object(parents.state())),
            Self::Grouped(grouped) => grouped.parent_state(),
            Self::United(united) => Some(Value::Object(united.parent_state())),
        }
    }
}
