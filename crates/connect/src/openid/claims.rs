//! What a provider claims of a person beside what the standard names: the groups. It judges nothing.

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most groups that are looked at, and the longest name of one.
const MOST_GROUPS: usize = 1_000;
const LONGEST: usize = 300;

/// Every claim that the standard does not name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Claims {}

impl Claims {
    /// The groups that a claim names; nothing where the claim is not there. It is a member, or a path of members with
    /// points, as some providers nest them; a name of a member may have points, too.
    pub(super) fn groups(&self, claim: &str) -> Option<Vec<String>> {
        let found = self.all.get(claim).or_else(|| {
            let mut parts = claim.split('.');
            let first = self.all.get(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        });
        let names = match found? {
            Value::Array(names) => names.as_slice(),
            one => std::slice::from_ref(one),
        };
        let texts = names.iter().filter_map(Value::as_str).filter(|name| name.len() <= LONGEST);
        Some(texts.take(MOST_GROUPS).map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_found_where_the_claim_says() {
        let claims = json!({
            "groups": ["ops", 7, "sales"], "one": "ops", "number": 7, "https://x.example/groups": ["a"],
            "realm_access": { "roles": ["admin"] }, "a.b": ["with a point"], "a": { "b": ["nested"] },
        });
        let claims: Claims = serde_json::from_value(claims).unwrap();
        let check = |claim: &str, expected: Option<&[&str]>| {
            let expected = expected.map(|names| names.iter().map(|&name| name.to_owned()).collect());
            assert_eq!(claims.groups(claim), expected, "{claim}");
        };
        check("groups", Some(&["ops", "sales"]));
        check("one", Some(&["ops"]));
        check("number", Some(&[]));
        check("https://x.example/groups", Some(&["a"]));
        check("realm_access.roles", Some(&["admin"]));
        check("a.b", Some(&["with a point"]));
        check("realm_access.none", None);
        check("none", None);
    }
}
