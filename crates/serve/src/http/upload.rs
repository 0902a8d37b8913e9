//! Configurations that come over HTTP: documents are loaded here as the command line loads files, and a resolved
//! configuration is examined as if it were documents. Nothing that `validate` would refuse gets further.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use raccord_config::{Bounds, Loaded, load_texts, load_texts_within, to_yaml};
use raccord_model::Desired;
use raccord_model::diagnostic::Severity;
use raccord_model::language::Document;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::{self, Media};
use super::problem::Refusal;
use super::{MAX_DOCUMENTS, MAX_VALUES};
use crate::failure::{Failure, FailureCode};
use crate::request::Request;

/// A configuration as it is uploaded.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Configuration {
    /// The documents, each as `schemas/raccord.schema.json` describes it.
    #[schemars(with = "Vec<Document<Value>>", length(min = 1))]
    pub(super) documents: Vec<Map<String, Value>>,
    /// Values of variables that go before those of the Stack.
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
}

/// Loads an uploaded configuration. Its data paths are relative to `root`.
pub(super) fn load(bytes: &Bytes, media: Media, root: &str) -> Result<Desired, Refusal> {
    let bounds = Bounds { documents: MAX_DOCUMENTS, values: MAX_VALUES };
    let loaded = match media {
        Media::Yaml => {
            let texts = vec![("upload.yaml".to_owned(), bytes.to_vec())];
            load_texts_within(bounds, texts, root, &BTreeMap::new())
        }
        Media::Json => {
            let Configuration { documents, variables } = body::object(bytes)?;
            let texts = documents.iter().enumerate().map(|(at, document)| {
                let text = serde_json::to_vec(document);
                // What came as JSON becomes JSON again.
                (format!("documents[{at}]"), text.unwrap_or_default())
            });
            load_texts_within(bounds, texts.collect(), root, &variables)
        }
    };
    let Loaded { desired, diagnostics, .. } = loaded;
    desired.ok_or_else(|| {
        let is_error = |severity| severity == Severity::Error;
        Refusal::mistakes(diagnostics.into_iter().filter(|found| is_error(found.severity)).collect())
    })
}

/// A request whose configuration is at home here. Refused when it is not one that documents load to: it was put
/// together by hand, damaged, or resolved by a version that knows other rules. Its data paths are relative to `root`
/// from now on, and not to a directory of another machine.
pub(super) fn examine(mut request: Request, root: &str) -> Result<Request, Refusal> {
    let desired: &mut Desired = match &mut request {
        Request::Plan(desired, _) | Request::Apply(desired, _) | Request::Sample { desired, .. } => {
            Arc::make_mut(desired)
        }
        Request::Look(look) => &mut look.desired,
        Request::Head
        | Request::Pending
        | Request::History { .. }
        | Request::Generation { .. }
        | Request::Difference { .. }
        | Request::PlanRollback { .. }
        | Request::Rollback { .. }
        | Request::Resource(_)
        | Request::Entities
        | Request::EntitiesOf(_)
        | Request::Flows
        | Request::Problems
        | Request::Run { .. }
        | Request::Overview(_)
        | Request::Status
        | Request::StatusOf(_)
        | Request::Runs { .. }
        | Request::Records { .. }
        | Request::Explain { .. }
        | Request::Rejects { .. }
        | Request::RejectSummary(_)
        | Request::ReplayRejects { .. }
        | Request::Deliveries { .. }
        | Request::DropDeliveries { .. }
        | Request::Info
        | Request::Check
        | Request::Backup { .. }
        | Request::Pause { .. }
        | Request::TestAlert { .. }
        | Request::Approve { .. }
        | Request::Resync { .. }
        | Request::CreateToken { .. }
        | Request::Tokens
        | Request::RevokeToken { .. }
        | Request::BeginAuthorization(..)
        | Request::Authorize(..)
        | Request::Audit { .. }
        | Request::AcceptPending { .. }
        | Request::Resume { .. } => return Ok(request),
    };
    root.clone_into(&mut desired.root);
    is_loadable(desired)?;
    Ok(request)
}

fn is_loadable(desired: &Desired) -> Result<(), Refusal> {
    for (key, wanted) in &desired.resources {
        let is_itself = wanted.resource.spec.kind() == key.kind
            && wanted.resource.seal().is_ok_and(|(_, digest)| digest == wanted.digest);
        if !is_itself {
            return Err(Refusal::invalid(format!("{key} does not have the digest that stands beside it")));
        }
    }
    let texts = desired.resources.iter().map(|(key, wanted)| {
        let alone = Desired {
            stack: desired.stack.clone(),
            root: desired.root.clone(),
            resources: BTreeMap::from([(key.clone(), wanted.clone())]),
        };
        (key.to_string(), to_yaml(&alone).into_bytes())
    });
    // Each text stands at the root, whatever its name: that holds a slash.
    let texts = texts.map(|(key, text)| (key.replace('/', " "), text)).collect();
    let loaded = load_texts(texts, &desired.root, &BTreeMap::new());
    let Some(found) = loaded.desired else { return Err(Refusal::mistakes(loaded.diagnostics)) };
    let digests = |desired: &Desired| -> Vec<_> {
        desired.resources.iter().map(|(key, wanted)| (key.clone(), wanted.digest)).collect()
    };
    if found.stack != desired.stack || digests(&found) != digests(desired) {
        let message =
            "the configuration is not one that its documents load to; is it the same version of raccord?";
        return Err(Failure::new(FailureCode::Refused, message).into());
    }
    Ok(())
}

/// Refuses JSON that holds more values than an uploaded configuration may, before anything is made of them.
pub(super) fn is_bounded(bytes: &[u8]) -> Result<(), Refusal> {
    if values(bytes) <= MAX_VALUES {
        return Ok(());
    }
    let message = format!("the body holds more than {MAX_VALUES} values");
    Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, FailureCode::Invalid, message))
}

/// How many values and names of members a JSON text holds, empty lists and objects counted twice.
fn values(bytes: &[u8]) -> usize {
    let (mut count, mut in_text, mut is_escaped) = (1, false, false);
    for byte in bytes {
        if in_text {
            in_text = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
        } else {
            in_text = *byte == b'"';
            count += usize::from(matches!(byte, b',' | b':' | b'[' | b'{'));
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_before_they_are_read() {
        let check = |text: &str, expected: usize| assert_eq!(values(text.as_bytes()), expected, "{text}");
        check("1", 1);
        check("[1,2,3]", 4);
        check(r#"{"a":1,"b":[true]}"#, 6);
        check(r#"["a,b:[{\",\\", ","]"#, 3);
        check("[]", 2);
    }
}
