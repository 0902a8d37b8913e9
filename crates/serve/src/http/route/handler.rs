//! What answers each route, as a type: a route that is added has to say it, and everything that leads a request to its
//! answer names every one of them. Nothing is matched by the text of a route's name.

/// What answers a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// A word, for as long as the process answers.
    Health,
    /// A [`Readiness`](crate::http::Readiness).
    Readiness,
    /// Metrics as Prometheus reads them.
    Metrics,
    /// The OpenAPI document.
    Document,
    /// Takes a webhook delivery in; answers nothing beside the status.
    Delivery,
    /// One request of the engine, whose answer becomes one JSON document.
    Operation(Operation),
    /// Any request of the engine, answered with [`Part`](crate::transport::Part)s, one a line.
    Conversation,
    /// Ends a request early; answers nothing beside the status.
    Stop,
}

/// A request of the engine that has a route of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described in the table")]
pub enum Operation {
    Status,
    Plan,
    Apply,
    Pending,
    AcceptPending,
    History,
    Runs,
    Approve,
    Rejects,
    Deliveries,
    Pause,
    Resume,
    Audit,
}

impl Operation {
    /// What it answers when it can.
    pub const fn answer(self) -> Answer {
        match self {
            Self::Status => Answer::Status,
            Self::Plan | Self::Pending => Answer::Plan,
            Self::Apply | Self::AcceptPending => Answer::Applied,
            Self::History => Answer::Generations,
            Self::Runs => Answer::Runs,
            Self::Rejects => Answer::Rejects,
            Self::Deliveries => Answer::Deliveries,
            Self::Audit => Answer::Audit,
            Self::Approve | Self::Pause | Self::Resume => Answer::Done,
        }
    }
}

/// The document that an operation answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A [`Status`](crate::request::Status).
    Status,
    /// A [`Plan`](raccord_plan::Plan).
    Plan,
    /// The generation that is in force now.
    Applied,
    /// Generations.
    Generations,
    /// Runs.
    Runs,
    /// Rejects.
    Rejects,
    /// Deliveries that wait.
    Deliveries,
    /// Entries of the audit log.
    Audit,
    /// What was done, in words.
    Done,
}
