//! Partitions, the children of one parent record each: whether an error is about one alone or about the service. Pure;
//! the reader asks, and does what is decided here.

use raccord_compiler::connector::PartitionRouter;
use raccord_model::checkpoint::Shift;
use raccord_model::port::records::{Fault, How, Passed};
use raccord_model::port::source::SourceError;

/// How many parents may be refused with 401 one after the other before it is the credentials.
pub(crate) const MAX_REFUSED: u32 = 100;

/// After how many errors of the service (5xx, or a limit), for one parent after the other, it is no longer about a parent.
pub(crate) const MAX_BROKEN: u32 = 3;

/// How many partitions without records are passed before the run hears of them.
pub(crate) const MAX_UNTOLD: usize = 100;

/// What is said ahead of what concerns parent records.
const OF_PARENTS: &str = "of the parent records, ";

/// What the reading of partitions has to tell beside the records.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) passed: Vec<Passed>,
    /// Parent records without what the path needs.
    pub(crate) faults: Vec<Fault>,
    pub(crate) shift: Option<Shift>,
    /// How many chains were begun again because the service no longer knew their token.
    pub(crate) expired: u64,
    /// How many pages have shown another token than the one that counts.
    pub(crate) varied: u64,
    /// What has said in an answer that there is more, to which nothing leads.
    pub(crate) more_available: Option<String>,
    /// By how many seconds the clock of the service is behind ours, at the most.
    pub(crate) behind: u64,
}

impl Notes {
    /// Adds what a reader of parents has to tell.
    pub(crate) fn take_from(&mut self, above: &mut Self) {
        self.passed.extend(above.passed.drain(..).map(|passed| Passed { is_own: false, ..passed }));
        self.faults.append(&mut above.faults);
        self.shift = self.shift.or(above.shift.take());
        self.behind = self.behind.max(above.behind);
        if let Some(left) = above.more_available.take() {
            // From level to level it is said once whose it is.
            let own = left.strip_prefix(OF_PARENTS).unwrap_or(&left);
            self.more_available.get_or_insert(format!("{OF_PARENTS}{own}"));
        }
    }

    /// Whether the run should hear of it soon.
    pub(crate) const fn are_many(&self) -> bool {
        self.passed.len() + self.faults.len() >= MAX_UNTOLD
    }
}

/// How the last partitions went, to tell the service's errors from those of one parent.
#[derive(Debug, Default)]
pub(crate) struct Health {
    refused: u32,
    broken: u32,
}

impl Health {
    /// A partition's request was answered.
    pub(crate) const fn answered(&mut self) {
        (self.refused, self.broken) = (0, 0);
    }

    /// What an error makes of the partition in hand; `None` when it is not about that partition alone, and nothing further
    /// can be read.
    pub(crate) fn judge(&mut self, error: &SourceError, router: &PartitionRouter) -> Option<How> {
        let status = status_of(error);
        if let Some(status) = status.filter(|status| router.skips(*status)) {
            self.answered();
            return Some(How::Skipped { status });
        }
        let is_about_it = match status {
            Some(401) => {
                self.refused += 1;
                self.refused < MAX_REFUSED
            }
            Some(407 | 408 | 425 | 429) => false,
            Some(500..) => self.breaks(),
            Some(_) => true,
            None => match error {
                SourceError::Answer { .. } => true,
                SourceError::Limit { .. } => self.breaks(),
                _ => false,
            },
        };
        is_about_it.then(|| How::Failed { status, message: error.to_string() })
    }

    const fn breaks(&mut self) -> bool {
        self.broken += 1;
        self.broken < MAX_BROKEN
    }
}

/// The HTTP status that an error is about.
const fn status_of(error: &SourceError) -> Option<u16> {
    if let SourceError::Status { status, .. } | SourceError::Unauthorized { status, .. } = error {
        Some(*status)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> SourceError {
        let url = "https://a.example/x".to_owned();
        match status {
            401 | 403 => SourceError::Unauthorized { status, url, credentials: String::new() },
            _ => SourceError::Status { status, url, message: "no".to_owned() },
        }
    }

    fn router(skip: &[u16]) -> PartitionRouter {
        use raccord_compiler::connector::lower_http;
        let settings = serde_json::json!({"baseUrl": "https://a.example", "dataTypes": {
            "p": {}, "c": {"path": "/p/{parent.id}/c", "parent": {"dataType": "p", "skip": skip}},
        }});
        let settings = serde_json::from_value(settings).unwrap();
        lower_http(&settings, &"c".parse().unwrap()).0.unwrap().partition_router.unwrap()
    }

    /// What becomes of a partition after another, by the errors that each had; `ok` is an answer.
    fn judged(skip: &[u16], errors: &[u16]) -> String {
        let (mut health, router) = (Health::default(), router(skip));
        let mut text = String::new();
        for &error in errors {
            text.push_str(match error {
                0 => {
                    health.answered();
                    "ok "
                }
                error => match health.judge(&status(error), &router) {
                    Some(How::Skipped { .. }) => "skipped ",
                    Some(How::Failed { .. }) => "failed ",
                    Some(How::Read) => "read ",
                    None => "service ",
                },
            });
        }
        text.trim_end().to_owned()
    }

    #[test]
    fn what_is_about_one_parent_is_no_error_of_the_service() {
        for (skip, errors, expected) in [
            (&[][..], &[403, 404, 410, 400, 422, 0][..], "failed failed failed failed failed ok"),
            (&[403, 404], &[403, 404, 410, 0], "skipped skipped failed ok"),
            (&[], &[429], "service"),
            (&[], &[500, 503, 0, 502, 500, 500], "failed failed ok failed failed service"),
            (&[404], &[500, 404, 500, 500], "failed skipped failed failed"),
        ] {
            assert_eq!(judged(skip, errors), expected, "{skip:?} {errors:?}");
        }
        let refused = judged(&[], &[401; 100]);
        assert_eq!(refused.matches("failed").count(), 99);
        assert!(refused.ends_with("service"));
        assert_eq!(judged(&[], &[403; 1_000]).matches("failed").count(), 1_000);
        let unreachable = SourceError::Unreachable { url: String::new(), message: String::new() };
        assert_eq!(Health::default().judge(&unreachable, &router(&[404])), None);
    }
}
