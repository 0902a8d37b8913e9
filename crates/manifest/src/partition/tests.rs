use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Partitions, Router};
use crate::component::{Component, Problem};
use crate::exchange::{Requester, Role, Selector};
use crate::select;
use crate::slice::Slice;
use crate::stream::{Builder, Parts, Use};
use crate::template::Context;
use crate::transport::{Async, Request, Response, Transport, TransportError};

/// Has no streams: lists alone are routed here.
struct Nothing;

impl Parts for Nothing {
    fn requester(&self, retriever: &Component, _: Use<'_>) -> Result<Arc<dyn Requester>, Problem> {
        Err(retriever.unsupported())
    }

    fn selector(&self, parts: select::Parts<'_>) -> Result<Arc<dyn Selector>, Problem> {
        Err(parts.selector.unsupported())
    }
}

impl Transport for Nothing {
    fn send(&self, _: Request) -> Async<'_, Result<Response, TransportError>> {
        Box::pin(async { Err(TransportError::Refused("nothing is sent".to_owned())) })
    }

    fn sleep(&self, _: std::time::Duration) -> Async<'_, ()> {
        Box::pin(async {})
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn random(&self) -> f64 {
        0.0
    }
}

fn router(router: Value) -> Result<Option<Router>, Problem> {
    let config = Arc::new(json!({}));
    let context = Context::new(&config);
    let builder =
        Builder { parts: &Nothing, config, context, transport: Arc::new(Nothing), role: Role::Pages };
    let members = crate::object([("partition_router".to_owned(), router)]);
    Router::of_retriever(&Component::new(members, "retriever"), &builder)
}

fn all(mut partitions: Partitions) -> Vec<Slice> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    std::iter::from_fn(|| runtime.block_on(partitions.next_slice()).unwrap()).collect()
}

fn list(field: &str, values: impl Into<Value>) -> Value {
    let values = values.into();
    let option = json!({"type": "RequestOption", "inject_into": "request_parameter", "field_name": "key"});
    json!({"type": "ListPartitionRouter", "cursor_field": field, "values": values, "request_option": option})
}

fn partitions(component: Value) -> Vec<Value> {
    let context = Context::new(&Arc::new(json!({})));
    let partitions = router(component).unwrap().unwrap().open(&context, &Map::new()).unwrap();
    all(partitions).into_iter().map(|slice| Value::Object(slice.partition)).collect()
}

#[test]
fn routers_name_partitions() {
    let check = |component: Value, expected: Value| assert_eq!(Value::Array(partitions(component)), expected);
    check(list("a", json!([1, "x"])), json!([{"a": 1}, {"a": "x"}]));
    check(list("a", json!([])), json!([]));
    let product = json!([list("a", json!([1, 2])), list("b", json!(["x", "y"]))]);
    check(product, json!([{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]));
    check(json!([list("a", json!([1, 2])), list("b", json!([]))]), json!([]));
    check(json!([list("a", json!([1])), list("a", json!([2]))]), json!([{"a": 1}]));
    let group = |size: u64, once: bool| {
        let inner = list("a", json!([1, 2, 1, 3]));
        json!({"type": "GroupingPartitionRouter", "group_size": size, "deduplicate": once, "underlying_partition_router": inner})
    };
    check(group(2, true), json!([{"a": [1, 2]}, {"a": [3]}]));
    check(group(2, false), json!([{"a": [1, 2]}, {"a": [1, 3]}]));
    let routers = [list("a", json!([1, 2])), list("a", json!([2, 3]))];
    let union = json!({"type": "UnionPartitionRouter", "partition_field": "a", "partition_routers": routers});
    check(union, json!([{"a": 1}, {"a": 2}, {"a": 3}]));
}

#[test]
fn a_request_carries_the_key_that_is_there() {
    let check = |component: Value, partition: Value, expected: Value| {
        let router = router(component).unwrap().unwrap();
        let partition = partition.as_object().cloned().unwrap();
        let slice = Slice { partition, ..Slice::default() };
        let additions = router.additions(&slice, &Context::new(&Arc::new(json!({})))).unwrap();
        assert_eq!(Value::Object(additions.parameters), expected);
    };
    check(list("a", json!([])), json!({"a": 7}), json!({"key": 7}));
    check(list("a", json!([])), json!({"a": 0}), json!({}));
    check(list("a", json!([])), json!({}), json!({}));
    check(json!([list("a", json!([])), list("b", json!([]))]), json!({"a": 1, "b": 2}), json!({"key": 1}));
}

#[test]
fn a_router_says_where_it_is_wrong() {
    let check = |component: Value, path: &str| {
        assert_eq!(router(component).err().map(|error| error.path).as_deref(), Some(path));
    };
    check(json!({"type": "CustomPartitionRouter", "class_name": "x.Y"}), "retriever.partition_router");
    check(
        json!([{"type": "ListPartitionRouter", "cursor_field": "a"}]),
        "retriever.partition_router[0].values",
    );
    check(json!({"type": "SubstreamPartitionRouter"}), "retriever.partition_router.parent_stream_configs");
    check(
        json!({"type": "GroupingPartitionRouter"}),
        "retriever.partition_router.underlying_partition_router",
    );
}
