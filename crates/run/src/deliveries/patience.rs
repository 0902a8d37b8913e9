//! What it means that the service does not have a record that an event names: a replica that is behind, or a record
//! that is gone. It is asked again before that is believed, and never believed of an event that says that the record
//! came or changed. Pure.

use jiff::{SignedDuration, Timestamp};
use raccord_model::port::inbox::Retry;

/// How long to wait before each further request, in seconds: three of them over about three minutes.
pub const WAITS: [i64; 3] = [2, 30, 150];

/// What is to be done about a record that the service does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// It is asked for again.
    Again(Retry),
    /// It is gone.
    Gone,
    /// The event says that it is there: a person has to look.
    Contradicted,
}

/// What a record means that was asked for in vain once more.
pub(super) fn absent(event: &str, retry: Option<Retry>, now: Timestamp) -> Absence {
    let attempts = retry.map_or(0, |retry| retry.attempts);
    if let Some(wait) = WAITS.get(usize::from(attempts)) {
        let until = now.checked_add(SignedDuration::from_secs(*wait)).unwrap_or(Timestamp::MAX);
        return Absence::Again(Retry { attempts: attempts + 1, until });
    }
    if says_alive(event) { Absence::Contradicted } else { Absence::Gone }
}

/// Words by which the name of an event says that its record ends.
const ENDS: &[&str] = &[
    "delete",
    "deleted",
    "deletion",
    "remove",
    "removed",
    "destroy",
    "destroyed",
    "purge",
    "purged",
    "trash",
    "trashed",
    "erase",
    "erased",
    "archived",
];

/// Words by which it says that its record came or changed.
const LIVES: &[&str] = &[
    "create",
    "created",
    "creation",
    "new",
    "add",
    "added",
    "insert",
    "inserted",
    "update",
    "updated",
    "upsert",
    "upserted",
    "edit",
    "edited",
    "change",
    "changed",
    "modify",
    "modified",
    "restore",
    "restored",
    "save",
    "saved",
    "publish",
    "published",
    "opened",
    "paid",
    "completed",
    "placed",
];

/// Whether the name of an event says that its record came or changed: `order.created`, `orders/updated`,
/// `CustomerUpdated`. A name that speaks of an end as well says nothing.
pub(super) fn says_alive(event: &str) -> bool {
    let words = words(event);
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    says(LIVES) && !says(ENDS)
}

/// The words of a name, in lower case: between signs, and where a capital begins one.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let begins = c.is_uppercase() && was_lower;
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_record_is_asked_for_three_times_more() {
        let mut retry = None;
        let mut now = 0;
        for (number, wait) in (1..).zip(WAITS) {
            let expected = Retry { attempts: number, until: at(now + wait) };
            assert_eq!(absent("customer.deleted", retry, at(now)), Absence::Again(expected));
            (retry, now) = (Some(expected), now + wait);
        }
        for (event, expected) in [
            ("customer.deleted", Absence::Gone),
            ("customer", Absence::Gone),
            ("", Absence::Gone),
            ("customer.created", Absence::Contradicted),
            ("customer.updated", Absence::Contradicted),
        ] {
            assert_eq!(absent(event, retry, at(now)), expected, "{event}");
        }
    }

    #[test]
    fn what_the_name_of_an_event_says() {
        for alive in
            ["item.created", "orders/update", "CustomerUpdated", "issue_edited", "new-order", "ORDER.CREATED"]
        {
            assert!(says_alive(alive), "{alive}");
        }
        for other in
            ["item.deleted", "item", "", "renewed", "item.updated.deleted", "orderRemoved", "createdby2x"]
        {
            assert!(!says_alive(other), "{other}");
        }
    }
}
