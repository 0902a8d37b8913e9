//! What the answer to a query in GraphQL says went wrong: its errors with their paths, and whether they mean that the service
//! limits us, and for how long. Pure; what is done about it is the reader's.

use std::time::Duration;

use serde_json::Value;

use super::complaint::{Again, Complaint, MAX_TOLD, words};

/// The codes with which services say that a limit is reached: of Shopify, GitHub, and Linear.
const LIMITED: [&str; 3] = ["THROTTLED", "RATE_LIMITED", "RATELIMITED"];

/// What the errors of an answer say. Data that came beside them is a part of what was asked for, and nothing says which.
pub(super) fn complaint(errors: &str, extensions: Option<&str>) -> Complaint {
    let Ok(Value::Array(list)) = serde_json::from_str::<Value>(errors) else {
        return Complaint { message: words(errors), again: Again::Never };
    };
    let extensions = extensions.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or(Value::Null);
    let told: Vec<String> = list.iter().take(MAX_TOLD).map(tell).collect();
    let more = list.len().saturating_sub(MAX_TOLD);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    let message = format!("{}{more}", told.join("; "));
    // One error that is no limit will be there again.
    if !list.iter().all(is_limit) {
        return Complaint { message, again: Again::Never };
    }
    match Cost::of(&extensions) {
        Some(Cost { requested, maximum, .. }) if requested > maximum => Complaint {
            message: format!(
                "{message}: the query costs {requested}, more than the {maximum} that the service ever allows; ask for \
                 fewer records at a time"
            ),
            again: Again::Never,
        },
        cost => Complaint { message, again: Again::Limited(cost.and_then(|cost| cost.wait())) },
    }
}

/// An error in words: its message, and where in the answer it arose.
fn tell(error: &Value) -> String {
    let message = match error.get("message") {
        Some(Value::String(message)) => message.clone(),
        _ => words(&error.to_string()),
    };
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    let path = error.get("path").and_then(Value::as_array).filter(|path| !path.is_empty());
    match path {
        Some(path) => {
            let path = path.iter().map(step).collect::<Vec<_>>().join(".");
            format!("{message} (at {path})")
        }
        None => message,
    }
}

/// Whether an error says that a limit is reached.
fn is_limit(error: &Value) -> bool {
    let codes = [error.pointer("/extensions/code"), error.get("type")];
    codes.into_iter().flatten().filter_map(Value::as_str).any(|code| LIMITED.contains(&code))
}

/// What a query costs, and what the service has left for us, as Shopify says it.
struct Cost {
    requested: f64,
    maximum: f64,
    available: f64,
    /// How much comes back in a second.
    restored: f64,
}

impl Cost {
    fn of(extensions: &Value) -> Option<Self> {
        let cost = extensions.get("cost")?;
        let number = |path: &str| cost.pointer(path)?.as_f64().filter(|number| *number >= 0.0);
        Some(Self {
            requested: number("/requestedQueryCost")?,
            maximum: number("/throttleStatus/maximumAvailable").unwrap_or(f64::INFINITY),
            available: number("/throttleStatus/currentlyAvailable")?,
            restored: number("/throttleStatus/restoreRate")?,
        })
    }

    /// How long it takes until what is left is enough.
    fn wait(&self) -> Option<Duration> {
        let seconds = (self.requested - self.available).max(0.0) / self.restored;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cost(requested: u32, available: u32) -> Value {
        let status = json!({"maximumAvailable": 1_000, "currentlyAvailable": available, "restoreRate": 50});
        json!({"cost": {"requestedQueryCost": requested, "throttleStatus": status}})
    }

    #[test]
    fn errors_are_told_with_their_paths_and_limits_with_their_waits() {
        let throttled = json!({"message": "Throttled", "extensions": {"code": "THROTTLED"}});
        let denied = json!({"message": "Access denied", "path": ["orders", "nodes", 0, "email"]});
        let limited = |millis: u64| Again::Limited(Some(Duration::from_millis(millis)));
        for (errors, extensions, message, again) in [
            (json!([denied]), json!(null), "Access denied (at orders.nodes.0.email)", Again::Never),
            (json!([{"message": "no", "path": []}, {"code": 7}]), json!({}), "no; 7", Again::Never),
            (json!(["a", "b", "c", "d", "e"]), json!({}), "a; b; c; and 2 more", Again::Never),
            (json!({"message": "no list"}), json!({}), "no list", Again::Never),
            (json!([throttled]), cost(112, 12), "Throttled", limited(2_000)),
            (json!([throttled]), cost(5, 12), "Throttled", limited(0)),
            (json!([throttled]), json!({"cost": {}}), "Throttled", Again::Limited(None)),
            (
                json!([throttled]),
                json!({"cost": {"requestedQueryCost": 5, "throttleStatus": {"currentlyAvailable": 0, "restoreRate": 0}}}),
                "Throttled",
                Again::Limited(None),
            ),
            (
                json!([{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]),
                json!(null),
                "API rate limit exceeded",
                Again::Limited(None),
            ),
            (
                json!([throttled, denied]),
                cost(112, 12),
                "Throttled; Access denied (at orders.nodes.0.email)",
                Again::Never,
            ),
            (
                json!([throttled]),
                cost(1_200, 1_000),
                "Throttled: the query costs 1200, more than the 1000 that the service ever allows; ask for fewer records at a time",
                Again::Never,
            ),
        ] {
            let found = complaint(&errors.to_string(), Some(&extensions.to_string()));
            assert_eq!(found, Complaint { message: message.to_owned(), again }, "{errors}");
        }
    }
}
