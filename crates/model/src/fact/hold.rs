//! Why a run waits for a person, and what an approval of it does.
//!
//! The reasons are told apart by their members, so that runs and notices that were kept before there was more than
//! one reason are read as they were written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RowsDigest, is_zero};

/// Why a run is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Hold {
    /// It would delete more than its share, or what it would delete cannot be trusted. An approval deletes it.
    Deletions {
        /// How many rows would go.
        deletes: u64,
        /// Of how many.
        of: u64,
        /// How many records were shown whose key cannot be read: the rows that would go may be theirs.
        #[serde(default, skip_serializing_if = "is_zero")]
        keyless: u64,
        /// Whether there may be more than was read, as the service has said or the end of a file shows: the rows that would go may be there.
        #[serde(default, alias = "left", skip_serializing_if = "std::ops::Not::not")]
        incomplete: bool,
        /// How the deletions were learned of.
        #[serde(default, skip_serializing_if = "DeletedBy::is_snapshot")]
        by: DeletedBy,
        /// Which rows would go. Nothing where no keys are known, and of what was held before this was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<RowsDigest>,
    },
    /// No record of the reading had what the mapping takes, while rows have values of it. An approval lets the next
    /// run empty them.
    Vanished {
        /// The paths that no record had.
        vanished: Vec<String>,
        /// How many values of rows that were read again would be replaced or emptied.
        values: u64,
    },
    /// The pages shifted each time the window was read: records may be missing. An approval takes what was read for
    /// complete: the next run goes on after it, and nothing is deleted for not having been shown.
    Shifted {
        /// How often the window was read.
        shifted: u32,
        /// By what it showed, in words that complete "because …".
        sign: String,
    },
}

/// How deletions are learned of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DeletedBy {
    /// A complete reading did not show the record.
    #[default]
    Snapshot,
    /// A field of the record says so.
    Field,
    /// The service said so by webhook.
    Webhook,
}

impl DeletedBy {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form in which serde asks")]
    const fn is_snapshot(&self) -> bool {
        matches!(self, Self::Snapshot)
    }
}

impl Hold {
    /// Why; it completes "the run is held: …".
    pub fn because(&self) -> String {
        match self {
            Self::Deletions { deletes, of, keyless, incomplete, by, .. } => {
                deletions((*deletes, *of), (*keyless, *incomplete), *by)
            }
            Self::Vanished { vanished, values } => {
                let paths: Vec<String> = vanished.iter().map(|path| format!("`{path}`")).collect();
                let values = match values {
                    1 => "1 stored value".to_owned(),
                    more => format!("{more} stored values"),
                };
                format!("no record has {}, and {values} would be lost", paths.join(", "))
            }
            Self::Shifted { shifted, sign } => {
                let times = if *shifted == 1 { "once".to_owned() } else { format!("{shifted} times") };
                format!("its pages were read {times} and shifted each time: {sign}")
            }
        }
    }

    /// What an approval does; it completes "`raccord approve RUN` …".
    pub const fn approval(&self) -> &'static str {
        match self {
            Self::Deletions { by: DeletedBy::Webhook, .. } => "lets the next run delete them",
            Self::Deletions { .. } => "lets it",
            Self::Vanished { .. } => "lets the next run take it so",
            Self::Shifted { .. } => "takes what was read for complete",
        }
    }
}

fn deletions((deletes, of): (u64, u64), (keyless, incomplete): (u64, bool), by: DeletedBy) -> String {
    let what = match by {
        DeletedBy::Snapshot => "its snapshot",
        DeletedBy::Field => "the deletions that its records say",
        DeletedBy::Webhook => "the deletions that wait",
    };
    let records = match keyless {
        0 if incomplete => {
            return format!("{what} would delete {deletes} of {of} rows, and what was read may not be all");
        }
        0 => return format!("{what} would delete {deletes} of {of} rows"),
        1 => "1 record".to_owned(),
        more => format!("{more} records"),
    };
    format!(
        "{what} would delete {deletes} of {of} rows, which may be those of {records} whose key cannot be read"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fact::RunOutcome;

    /// A reason as it is kept, and how it is said.
    fn check(kept: &Value, because: &str) {
        let outcome: RunOutcome = serde_json::from_value(json!({ "held": kept })).unwrap();
        let RunOutcome::Held(hold) = &outcome else { panic!("{outcome:?}") };
        assert_eq!(hold.because(), because);
        assert_eq!(serde_json::to_value(&outcome).unwrap(), json!({ "held": kept }));
    }

    #[test]
    fn a_reason_is_read_as_it_was_kept() {
        check(&json!({"deletes": 2, "of": 3}), "its snapshot would delete 2 of 3 rows");
        check(
            &json!({"deletes": 2, "of": 3, "keyless": 1}),
            "its snapshot would delete 2 of 3 rows, which may be those of 1 record whose key cannot be read",
        );
        check(
            &json!({"deletes": 2, "of": 3, "incomplete": true}),
            "its snapshot would delete 2 of 3 rows, and what was read may not be all",
        );
        check(
            &json!({"deletes": 9, "of": 30, "by": "field"}),
            "the deletions that its records say would delete 9 of 30 rows",
        );
        check(
            &json!({"vanished": ["phone", "address.city"], "values": 2}),
            "no record has `phone`, `address.city`, and 2 stored values would be lost",
        );
        check(
            &json!({"shifted": 3, "sign": "the record 7 came twice"}),
            "its pages were read 3 times and shifted each time: the record 7 came twice",
        );
    }

    #[test]
    fn what_was_kept_under_an_earlier_name_is_read() {
        let kept: Hold = serde_json::from_value(json!({"deletes": 2, "of": 3, "left": true})).unwrap();
        assert!(matches!(kept, Hold::Deletions { incomplete: true, .. }), "{kept:?}");
    }

    /// Two holds of as many rows are the same only when the rows are.
    #[test]
    fn which_rows_would_go_is_kept() {
        let digest_of = |keys: &[&str]| -> RowsDigest { keys.iter().map(|key| key.as_bytes()).collect() };
        let of = |rows| Hold::Deletions {
            deletes: 2,
            of: 9,
            keyless: 0,
            incomplete: false,
            by: DeletedBy::Snapshot,
            rows,
        };
        let (first, second) = (of(Some(digest_of(&["a", "b"]))), of(Some(digest_of(&["b", "a"]))));
        assert_eq!(first, second, "in any order");
        for other in [of(Some(digest_of(&["a", "c"]))), of(Some(digest_of(&["ab"]))), of(None)] {
            assert_ne!(first, other);
        }
        let kept = serde_json::to_value(&first).unwrap();
        assert_eq!(kept["rows"].as_str().map(str::len), Some(32), "{kept}");
        assert_eq!(serde_json::from_value::<Hold>(kept).unwrap(), first);
    }

    #[test]
    fn a_run_that_was_kept_before_is_read() {
        let old = json!({"held": {"deletes": 5, "of": 9, "keyless": 0}});
        let by = DeletedBy::Snapshot;
        let hold = Hold::Deletions { deletes: 5, of: 9, keyless: 0, incomplete: false, by, rows: None };
        assert_eq!(serde_json::from_value::<RunOutcome>(old).unwrap(), RunOutcome::Held(hold));
    }
}
