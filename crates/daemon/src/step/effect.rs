//! Everything that can follow from an event.
//!
//! The shell carries effects out in their order. Those that take time end with an event of their own, named at each.

use jiff::Timestamp;
use raccord_model::canonical::Digest;
use raccord_model::fact::Uid;

use super::standing::RequestId;

/// Everything that can follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Begin a run. Ends with [`Event::RunEnded`](super::Event::RunEnded).
    StartRun {
        /// Of which transfer.
        uid: Uid,
        /// Why.
        cause: Cause,
    },
    /// Begin runs that read the same data type of one source: one reading serves all that want the same pages. Each ends
    /// with an event of its own.
    StartTogether {
        /// Of which transfers, and why each.
        runs: Vec<(Uid, Cause)>,
    },
    /// Ask a run to stop after the page in hand. It still ends with its event.
    StopRun {
        /// Of which transfer.
        uid: Uid,
    },
    /// Ask every run to stop after the page in hand.
    StopRuns,
    /// Load the configuration, and plan it. Ends with [`Event::Loaded`](super::Event::Loaded).
    Load,
    /// Apply what was loaded last. Ends with [`Event::ApplyEnded`](super::Event::ApplyEnded).
    Apply {
        /// The digest under which it was loaded.
        digest: Digest,
    },
    /// Keep what was loaded last as the pending plan, instead of the one before, and show it.
    HoldPending {
        /// The digest under which it was loaded.
        digest: Digest,
    },
    /// There is no pending plan any more: it was superseded, or accepted.
    DropPending,
    /// The configuration is bad: show its diagnostics, and mail. Told once a digest.
    ReportBad {
        /// The digest under which it was loaded.
        digest: Digest,
    },
    /// The configuration is good again.
    ReportGood,
    /// Go through the outbox once. Ends with [`Event::Delivered`](super::Event::Delivered).
    Deliver,
    /// Send [`Event::Woke`](super::Event::Woke) at this time, instead of the one named before; or never.
    WakeAt(Option<Timestamp>),
    /// Every run of a request has ended.
    Answer {
        /// Which request.
        request: RequestId,
        /// Those of its transfers that did not run, because they were not ready when their turn came.
        not_run: Vec<Uid>,
    },
    /// Nothing is left to wait for: the last effect.
    Finish,
}

/// Why a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A due time has come; requests that wait at that moment are served by the same run.
    Scheduled {
        /// Which one; the latest when several were missed. The shell writes it to the transfer's fact as served,
        /// together with the run's end, unless the run was cut, or failed after it was asked to stop.
        due: Timestamp,
    },
    /// A person asked.
    Requested,
    /// Deliveries wait in its inbox: they are processed, and nothing is polled.
    Deliveries,
}
