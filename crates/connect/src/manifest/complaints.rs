//! What an answer to a manifest's request says went wrong, in the places in which `http` looks for it where nothing is
//! declared. It only looks; that the reading fails is its own decision.

use raccord_manifest::exchange::{Beside, ComplaintContext, Complaints};

use serde_json::{Map, Value};

use crate::http::complaint;

/// What else stands in an answer that is an error and nothing else.
const FURTHER: [&str; 9] = [
    "error_description",
    "error_code",
    "errorCode",
    "request_id",
    "requestId",
    "trace_id",
    "traceId",
    "timestamp",
    "documentation_url",
];

/// The usual places.
pub(super) struct Usual;

impl Complaints for Usual {
    fn find(&self, body: &[u8], ComplaintContext { beside, member }: ComplaintContext<'_>) -> Option<String> {
        let beside = match beside {
            Beside::Nothing => complaint::Beside::Nothing,
            Beside::EmptyList => complaint::Beside::EmptyList,
            Beside::OneRecord if is_envelope(body) => complaint::Beside::Nothing,
            // Only GraphQL reports errors beside records, and has those in `data`.
            Beside::OneRecord | Beside::Records if member != Some("data") => return None,
            Beside::OneRecord | Beside::Records => complaint::Beside::Records,
        };
        let found = complaint::Complaints::usual(member).find_apart(body, beside)?;
        Some(found.message)
    }
}

/// Whether an object has nothing but what services say of an error: as a record it would be nothing but that.
fn is_envelope(body: &[u8]) -> bool {
    let is_known = |name: &String| complaint::is_usual(name) || FURTHER.contains(&name.as_str());
    serde_json::from_slice::<Map<String, Value>>(body)
        .is_ok_and(|members| !members.is_empty() && members.keys().all(is_known))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_went_wrong_is_found_and_what_only_looks_like_it_is_not() {
        let check = |body: Value, beside: Beside, member: Option<&str>, expected: Option<&str>| {
            let found = Usual.find(body.to_string().as_bytes(), ComplaintContext { beside, member });
            assert_eq!(found.as_deref(), expected, "{body} {beside:?}");
        };
        let items = Some("items");
        check(json!({"error": "no such key"}), Beside::Nothing, items, Some("no such key"));
        check(json!({"success": false, "message": "limit"}), Beside::Nothing, items, Some("limit"));
        check(json!({"code": 429, "msg": "slow down"}), Beside::Nothing, items, Some("slow down"));
        check(
            json!({"ok": false, "items": []}),
            Beside::EmptyList,
            items,
            Some("it says that the request failed, and not why"),
        );
        check(json!({"errors": [], "items": []}), Beside::EmptyList, items, None);
        check(json!({"errors": [{"id": 1}]}), Beside::EmptyList, Some("errors"), None);
        check(json!({"count": 0}), Beside::Nothing, items, None);
        // One record may have a field `error`; one that is nothing else is none.
        check(json!({"id": 1, "error": "x"}), Beside::OneRecord, None, None);
        check(json!({"error": {"message": "x"}, "code": 403}), Beside::OneRecord, None, Some("x"));
        check(json!({"status": "error", "message": "x"}), Beside::OneRecord, None, Some("x"));
        let partial = json!({"data": {"a": [{"id": 1}]}, "errors": [{"message": "throttled"}]});
        check(partial.clone(), Beside::Records, Some("data"), Some("throttled"));
        check(partial, Beside::Records, items, None);
    }
}
