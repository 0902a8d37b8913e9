//! How long a database that is away is asked again. Pure: it says how long to wait, and waits for nothing.

use std::time::Duration;

use raccord_model::port::source::SourceError;

/// How often it is asked, in all, and how long is waited before the second time; that is doubled with each.
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// What is left of it.
#[derive(Debug)]
pub struct Patience {
    left: u32,
    wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { left: ATTEMPTS - 1, wait: FIRST_WAIT }
    }
}

impl Patience {
    /// How long to wait after a failure before the same is tried again; the failure where that is of no use.
    pub fn after(&mut self, error: SourceError) -> Result<Duration, SourceError> {
        if self.left == 0 || !matches!(error, SourceError::Unreachable { .. }) {
            return Err(error);
        }
        let wait = self.wait;
        (self.left, self.wait) = (self.left - 1, wait * 2);
        Ok(wait)
    }
}
