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
    /// A plan was applied.
    pub(in crate::console) applied: &'static str,
    /// A held run was approved.
    pub(in crate::console) approved: &'static str,
    /// An earlier generation is in force again.
    pub(in crate::console) rolled_back: &'static str,
    /// A person has agreed to an Authorization.
    pub(in crate::console) authorized: &'static str,
}

pub(super) const EN: Notice = Notice {
    started: "The run has begun.",
    paused: "The integration is paused.",
    resumed: "The integration is resumed.",
    resynced: "The next run reads everything again.",
    applied: "The changes are applied.",
    approved: "The run is approved.",
    rolled_back: "The earlier configuration is in force again.",
    authorized: "It is authorized.",
};

pub(super) const FR: Notice = Notice {
    started: "L’exécution a commencé.",
    paused: "L’intégration est en pause.",
    resumed: "L’intégration a repris.",
    resynced: "La prochaine exécution relit tout.",
    applied: "Les changements sont appliqués.",
    approved: "L’exécution est approuvée.",
    rolled_back: "L’ancienne configuration est à nouveau en vigueur.",
    authorized: "C’est autorisé.",
};
