//! Connectors in Airbyte's low-code language (`type: DeclarativeSource`): a manifest's text becomes components, and the
//! components say what to ask a service and what its answers mean.
//!
//! It is another's language, so this crate depends on none of ours. It sends nothing itself: requests, waits and the
//! clock go through the port [`transport::Transport`]. What is said to be the reference's is the behaviour of
//! `airbyte-cdk` 7.39.1.

pub mod authenticate;
pub mod budget;
mod cache;
pub mod check;
pub mod component;
pub mod connector;
pub mod cursor;
pub mod decode;
pub mod dynamic;
pub mod error;
pub mod exchange;
pub mod failure;
pub mod load;
pub mod paginate;
pub mod partition;
pub mod read;
pub mod record;
pub mod request;
#[cfg(test)]
mod script;
pub mod select;
pub mod send;
pub mod service;
pub mod slice;
pub mod spec;
pub mod stream;
pub mod support;
pub mod template;
pub mod time;
pub mod transport;

use std::sync::Arc;

/// A JSON value that several parts of a reading share.
pub type Json = Arc<serde_json::Value>;

/// An object with these members; of those with the same name the last counts. `collect` gives the same, and compiles a
/// whole sort for each kind of iterator.
pub(crate) fn object(
    members: impl IntoIterator<Item = (String, serde_json::Value)>,
) -> serde_json::Map<String, serde_json::Value> {
    let mut object = serde_json::Map::new();
    object.extend(members);
    object
}

/// The same of members that may fail.
pub(crate) fn try_object<E>(
    members: impl IntoIterator<Item = Result<(String, serde_json::Value), E>>,
) -> Result<serde_json::Map<String, serde_json::Value>, E> {
    let mut object = serde_json::Map::new();
    for member in members {
        let (name, value) = member?;
        object.insert(name, value);
    }
    Ok(object)
}
