//! Which transactions a reader sees. One that waits for its standby (synchronous replication) stands in the log and is not seen
//! yet: a row that is looked up then shows what was before. Pure.

/// What was visible at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visible {
    /// The first transaction that had not begun.
    end: u64,
    /// Those before it that were under way.
    running: Vec<u64>,
}

impl Visible {
    /// Reads `xmin:xmax:xip,…`, as `txid_current_snapshot()` writes it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':').skip(1);
        let end = parts.next()?.parse().ok()?;
        let running = parts.next()?.split(',').filter(|id| !id.is_empty());
        Some(Self { end, running: running.map(|id| id.parse().ok()).collect::<Option<_>>()? })
    }

    /// Whether a transaction was visible. The log has the lower half of its number alone, which is the nearest to the end.
    pub(super) fn has(&self, transaction: u32) -> bool {
        const HALF: u64 = 1 << 32;
        let low = self.end % HALF;
        let before = (low + HALF - u64::from(transaction)) % HALF;
        // Not begun: it is more than half of all numbers before the end, which is after it.
        if before == 0 || before >= HALF / 2 {
            return false;
        }
        self.end.checked_sub(before).is_some_and(|number| !self.running.contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_or_has_not_begun_is_not_visible() {
        let check = |text: &str, transaction: u32, expected: bool| {
            assert_eq!(Visible::read(text).unwrap().has(transaction), expected, "{transaction} of {text}");
        };
        check("10:20:10,15", 9, true);
        check("10:20:10,15", 10, false);
        check("10:20:10,15", 12, true);
        check("10:20:10,15", 15, false);
        check("10:20:10,15", 20, false);
        check("10:20:10,15", 25, false);
        check("20:20:", 19, true);
        // Beyond 32 bits: 2^32 + 5 is the end.
        check("4294967290:4294967301:4294967290", 4_294_967_290, false);
        check("4294967290:4294967301:4294967290", 4_294_967_295, true);
        check("4294967290:4294967301:4294967290", 4, true);
        check("4294967290:4294967301:4294967290", 6, false);
        for wrong in ["", "10", "10:20", "a:b:c", "10:20:x"] {
            assert_eq!(Visible::read(wrong), None, "{wrong}");
        }
    }
}
