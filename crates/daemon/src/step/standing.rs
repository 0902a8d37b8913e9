//! What `step` is told of the transfers: whether each may run, when it is due, and what waits for it.
//!
//! The shell makes these values from the generation in force and the facts; `step` only reads them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::language::Schedule;
use raccord_model::language::stack::Limits;
use raccord_model::{DataTypeName, Name};

/// A generation as far as runs are concerned, told whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Its number.
    pub generation: u64,
    /// What may run at the same time.
    pub limits: Limits,
    /// Every transfer, also those that do not run.
    pub standings: BTreeMap<Uid, TransferState>,
}

/// What is known of one transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferState {
    /// Who it is.
    pub uid: Uid,
    /// What it is called, for the log.
    pub name: Name,
    /// The source whose limits it shares.
    pub source: Name,
    /// The data type that it reads; transfers that read the same begin together.
    pub data_type: Option<DataTypeName>,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
    /// Its epoch, as its fact has it: a run under a lower one can commit nothing more.
    pub epoch: u64,
    /// Whether it may run.
    pub readiness: Readiness,
    /// When it was activated or got its schedule, whichever came later: where the grid of its due times begins.
    pub since: Timestamp,
    /// The latest due time that a run has served, from its fact. A run that was cut has served none.
    pub served: Option<Timestamp>,
    /// Whether webhook deliveries wait in its inbox.
    pub deliveries: bool,
}

/// Whether a transfer may run, and if not, why. Of several reasons the first one here is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It, or every integration that subscribes to it, is switched off.
    Inactive,
    /// No integration subscribes to it.
    NotSubscribed,
    /// Every integration that would run it was disabled by the breaker.
    Tripped,
    /// Every integration that would run it is paused. The pause ends by itself when its time has come.
    Paused {
        /// Until when; without one, until a person resumes it.
        until: Option<Timestamp>,
    },
    /// Something outside must be prepared first, such as a table or a webhook.
    NotReady,
    /// It may.
    Ready,
}

/// A person's request, numbered by the shell so that it can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);
