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
    Applied(Applied),
    Data(Data),
    Operate(Operate),
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
            Self::Applied(operation) => operation.answer(),
            Self::Data(operation) => operation.answer(),
            Self::Operate(operation) => operation.answer(),
            Self::Approve | Self::Pause | Self::Resume => Answer::Done,
        }
    }
}

/// A request about what is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described in the table")]
pub enum Applied {
    Problems,
    Resource,
    Flows,
    Difference,
    PlanRollback,
    Rollback,
}

impl Applied {
    /// What it answers when it can.
    pub const fn answer(self) -> Answer {
        match self {
            Self::Problems => Answer::Problems,
            Self::Resource => Answer::Resource,
            Self::Flows => Answer::Flows,
            Self::Difference => Answer::Difference,
            Self::PlanRollback => Answer::Plan,
            Self::Rollback => Answer::Applied,
        }
    }
}

/// A request about stored records and rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described in the table")]
pub enum Data {
    Entities,
    Records,
    Explain,
    RejectGroups,
    Reject,
}

impl Data {
    /// What it answers when it can.
    pub const fn answer(self) -> Answer {
        match self {
            Self::Entities => Answer::Entities,
            Self::Records => Answer::Records,
            Self::Explain => Answer::Explanation,
            Self::RejectGroups => Answer::RejectGroups,
            Self::Reject => Answer::Reject,
        }
    }
}

/// A request that has something done to what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described in the table")]
pub enum Operate {
    Run,
    TestAlert,
    Resync,
    Replay,
}

impl Operate {
    /// What it answers when it can.
    pub const fn answer(self) -> Answer {
        match self {
            Self::Run => Answer::Report,
            Self::TestAlert => Answer::Alerts,
            Self::Resync | Self::Replay => Answer::Done,
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
    /// What is wrong with a configuration.
    Problems,
    /// A [`ResourceView`](crate::request::ResourceView).
    Resource,
    /// What flows where.
    Flows,
    /// A [`Difference`](crate::request::Difference).
    Difference,
    /// Entities.
    Entities,
    /// A page of records.
    Records,
    /// An [`Explanation`](crate::request::Explanation).
    Explanation,
    /// Groups of rejects.
    RejectGroups,
    /// A [`RejectView`](crate::request::RejectView).
    Reject,
    /// A [`RunReport`](crate::request::RunReport).
    Report,
    /// What became of alerts.
    Alerts,
    /// What was done, in words.
    Done,
}
