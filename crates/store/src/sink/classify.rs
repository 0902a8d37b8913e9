//! What becomes of a change: pure decisions, one for each state in which the row can be.

use raccord_model::fact::Updates;
use raccord_model::language::{Mode, UpdateType};

/// What a transfer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Whether it owns rows or only enriches those of others.
    pub(super) mode: Mode,
    /// Whether new rows are wanted.
    pub(super) created: bool,
    /// Whether changed rows are wanted.
    pub(super) updated: bool,
    /// Whether deletions are wanted.
    pub(super) deleted: bool,
}

impl Rules {
    /// The rules of a batch.
    pub(super) fn new(mode: Mode, updates: &Updates) -> Self {
        Self {
            mode,
            created: updates.contains(&UpdateType::Created),
            updated: updates.contains(&UpdateType::Updated),
            deleted: updates.contains(&UpdateType::Deleted),
        }
    }
}

/// What a change was, as the tally counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The key was not there.
    Created,
    /// The row differed.
    Updated,
    /// The row is gone.
    Deleted,
    /// The row goes at the end of the window. It counts as deleted.
    Doomed,
    /// The row was the same.
    Unchanged,
    /// Not wanted, or too late.
    Skipped,
    /// A wanted deletion of what is not there, or is not this transfer's to delete. It counts as skipped.
    Gone,
    /// An enrichment that waits for its row. It counts as skipped.
    Waits,
    /// It cannot be stored.
    Rejected,
}

impl Effect {
    /// Whether what became of the record is known: then earlier rejects of its key say nothing any more.
    pub(super) const fn is_settled(self) -> bool {
        !matches!(self, Self::Skipped | Self::Rejected | Self::Doomed)
    }
}

/// What to do about a row that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// Create it.
    Create,
    /// Keep the enrichment until its row comes.
    Wait,
    /// Nothing.
    Skip,
}

/// Whether a version is older than another. Without a version nothing is older than anything.
pub(super) fn is_older(version: &[u8], than: &[u8]) -> bool {
    !version.is_empty() && !than.is_empty() && version < than
}

/// What is known of the end of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownTombstone {
    /// The version at which it ended.
    pub(super) version: Vec<u8>,
    /// Whether a snapshot did not show it. It may come back as it was, which one that the source deleted may not.
    pub(super) is_swept: bool,
}

impl KnownTombstone {
    fn is_beyond(&self, version: &[u8]) -> bool {
        let version_at_end = self.version.as_slice();
        !version.is_empty() && (version < version_at_end || (version == version_at_end && !self.is_swept))
    }
}

/// Decides about an upsert of a row that is not there.
pub(super) fn absent(rules: Rules, version: &[u8], tombstone: Option<&KnownTombstone>) -> Absent {
    if rules.mode == Mode::Enrich {
        // An enrichment is an update of a row to come, and waits only when updates are wanted.
        return if rules.updated { Absent::Wait } else { Absent::Skip };
    }
    let too_late = tombstone.is_some_and(|tombstone| tombstone.is_beyond(version));
    if rules.created && !too_late { Absent::Create } else { Absent::Skip }
}

/// Decides about an upsert of a row that is there and not newer.
pub(super) const fn present(rules: Rules, is_same: bool) -> Effect {
    match (is_same, rules.updated) {
        (true, _) => Effect::Unchanged,
        (false, true) => Effect::Updated,
        (false, false) => Effect::Skipped,
    }
}

/// Decides about the deletion of a row; `is_there` only when it is there and this transfer's to delete.
pub(super) fn delete(rules: Rules, is_there: bool, version: &[u8], stored: &[u8]) -> Effect {
    if !rules.deleted || is_older(version, stored) {
        Effect::Skipped
    } else if is_there {
        Effect::Deleted
    } else {
        Effect::Gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Rules {
        Rules {
            mode: if text.contains('e') { Mode::Enrich } else { Mode::Own },
            created: text.contains('c'),
            updated: text.contains('u'),
            deleted: text.contains('d'),
        }
    }

    /// A version, and `?` when it was swept.
    fn tombstone_at(text: &str) -> KnownTombstone {
        let version = text.trim_end_matches('?');
        KnownTombstone { version: version.into(), is_swept: version != text }
    }

    #[test]
    fn an_absent_row() {
        // (rules, version, version of the tombstone, what to do)
        let cases = [
            ("c", "", None, Absent::Create),
            ("c", "5", None, Absent::Create),
            ("c", "5", Some("4"), Absent::Create),
            ("c", "5", Some("5"), Absent::Skip),
            ("c", "5", Some("6"), Absent::Skip),
            ("c", "", Some("6"), Absent::Create),
            ("c", "4", Some("5?"), Absent::Skip),
            ("c", "5", Some("5?"), Absent::Create),
            ("c", "6", Some("5?"), Absent::Create),
            ("ud", "", None, Absent::Skip),
            ("", "", None, Absent::Skip),
            ("ecud", "", None, Absent::Wait),
            ("eu", "5", None, Absent::Wait),
            ("ec", "", None, Absent::Skip),
            ("ed", "", None, Absent::Skip),
            ("e", "", None, Absent::Skip),
        ];
        for (text, version, tombstone, expected) in cases {
            assert_eq!(
                absent(rules(text), version.as_bytes(), tombstone.map(tombstone_at).as_ref()),
                expected,
                "{text} {version:?} {tombstone:?}"
            );
        }
    }

    #[test]
    fn a_present_row() {
        for (text, is_same, expected) in [
            ("u", true, Effect::Unchanged),
            ("", true, Effect::Unchanged),
            ("u", false, Effect::Updated),
            ("cd", false, Effect::Skipped),
            ("eu", false, Effect::Updated),
        ] {
            assert_eq!(present(rules(text), is_same), expected, "{text} {is_same}");
        }
        let cases = [
            ("1", "2", true),
            ("2", "2", false),
            ("3", "2", false),
            ("", "2", false),
            ("1", "", false),
            ("", "", false),
        ];
        for (version, than, expected) in cases {
            assert_eq!(is_older(version.as_bytes(), than.as_bytes()), expected, "{version:?} {than:?}");
        }
    }

    #[test]
    fn a_delete() {
        let cases = [
            ("d", true, "", "", Effect::Deleted),
            ("d", true, "2", "2", Effect::Deleted),
            ("d", true, "1", "2", Effect::Skipped),
            ("d", true, "", "2", Effect::Deleted),
            ("d", false, "3", "2", Effect::Gone),
            ("d", false, "1", "2", Effect::Skipped),
            ("cu", true, "", "", Effect::Skipped),
            ("ed", false, "", "", Effect::Gone),
        ];
        for (text, is_there, version, stored, expected) in cases {
            assert_eq!(
                delete(rules(text), is_there, version.as_bytes(), stored.as_bytes()),
                expected,
                "{text} {version:?}"
            );
        }
    }
}
