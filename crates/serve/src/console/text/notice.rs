//! What was just done.

/// What was just done.
pub(in crate::console) struct Notice {
    /// A run was begun.
    pub(in crate::console) started: &'static str,
    /// An integration was paused.
    pub(in crate::console) paused: &'static str,
    /// An integration was resumed.
    pub(in crate::console) resumed: &'static str,
    /// A transfer is to read everything again.
    pub(in crate::console) resynced: &'static str,
}

pub(super) const EN: Notice = Notice {
    started: "The run has begun.",
    paused: "The integration is paused.",
    resumed: "The integration is resumed.",
    resynced: "The next run reads everything again.",
};

pub(super) const FR: Notice = Notice {
    started: "L’exécution a commencé.",
    paused: "L’intégration est en pause.",
    resumed: "L’intégration a repris.",
    resynced: "La prochaine exécution relit tout.",
};
