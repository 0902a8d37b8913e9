//! Partitions that cannot be read, beside others that can: whether an error is about one alone or about the service, as the
//! connector `http` has it for the children of a parent. Pure; the reading goes on, or does not.

use raccord_manifest::error::ReadError;

/// After how many errors of the service (5xx), for one partition after the other, it is no longer about a partition.
const MAX_BROKEN: u32 = 3;

/// The partitions that could not be read.
#[derive(Debug, Default)]
pub(super) struct Partial {
    first: Option<ReadError>,
    failed: u64,
    broken: u32,
}

impl Partial {
    /// A page came.
    pub(super) const fn answered(&mut self) {
        self.broken = 0;
    }

    /// Takes an error in that concerns one partition alone; any other is given back.
    pub(super) fn take_in(&mut self, error: ReadError) -> Result<(), ReadError> {
        if !self.is_about_one(&error) {
            return Err(error);
        }
        self.failed += 1;
        self.first.get_or_insert(error);
        Ok(())
    }

    const fn is_about_one(&mut self, error: &ReadError) -> bool {
        match error {
            ReadError::Status { status: 401 | 407 | 408 | 425 | 429, .. }
            | ReadError::Component(_)
            | ReadError::Template(_)
            | ReadError::Transport { .. }
            | ReadError::Settings(_) => false,
            ReadError::Status { status: 500.., .. } => {
                self.broken += 1;
                self.broken < MAX_BROKEN
            }
            ReadError::Status { .. } | ReadError::Answer { .. } | ReadError::Missing { .. } => true,
        }
    }

    /// The first error, at the end of a reading that lacks something, and how many partitions it lacks.
    pub(super) fn failure(&mut self) -> Option<(ReadError, u64)> {
        Some((self.first.take()?, self.failed))
    }
}

#[cfg(test)]
mod tests {
    use raccord_manifest::error::FailureKind;

    use super::*;

    fn status(status: u16) -> ReadError {
        let (url, message) = ("https://a.example".to_owned(), "no".to_owned());
        ReadError::Status { status, url, message, failure: FailureKind::System }
    }

    #[test]
    fn what_is_about_one_partition_stops_no_other() {
        let taken = |errors: &[u16]| {
            let mut partial = Partial::default();
            let taken = errors.iter().take_while(|error| match **error {
                0 => {
                    partial.answered();
                    true
                }
                error => partial.take_in(status(error)).is_ok(),
            });
            let taken = taken.count();
            (taken, partial.failure().map_or(0, |(_, failed)| failed))
        };
        assert_eq!(taken(&[0, 404, 0, 403, 422]), (5, 3));
        assert_eq!(taken(&[500, 0, 500, 500, 0]), (5, 3));
        assert_eq!(taken(&[500, 502, 503, 0]), (2, 2));
        assert_eq!(taken(&[404, 401, 0]), (1, 1));
        assert_eq!(taken(&[429]), (0, 0));
    }
}
