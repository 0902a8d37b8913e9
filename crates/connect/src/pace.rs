//! Keeps the requests of one source within its rate limit, for all its readers together.

use std::collections::VecDeque;
use std::time::Duration;

use raccord_model::rate::Rate;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// In any period as long as the rate's there are at most as many requests as it allows.
///
/// A window that slides over the requests themselves is exact; a leaky bucket that allows a burst would let
/// almost twice as many through in the first period.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Option<Rate>,
    sent: Mutex<VecDeque<Instant>>,
}

impl Pace {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self { rate, sent: Mutex::new(VecDeque::new()) }
    }

    /// Waits until one more request may be sent. Who waits first is served first; giving up costs nothing.
    pub(crate) async fn ready(&self) {
        let Some(rate) = self.rate else {
            return;
        };
        let count = usize::try_from(rate.count).unwrap_or(usize::MAX);
        let mut sent = self.sent.lock().await;
        if sent.len() >= count
            && let Some(&oldest) = sent.front()
        {
            tokio::time::sleep_until(oldest + Duration::from_secs(u64::from(rate.period))).await;
            sent.pop_front();
        }
        sent.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_period_holds_more_than_allowed() {
        let pace = Pace::new("5/s".parse().ok());
        let begin = Instant::now();
        for _ in 0..5 {
            pace.ready().await;
        }
        pace.ready().await;
        assert!(begin.elapsed() >= Duration::from_secs(1));
    }
}
