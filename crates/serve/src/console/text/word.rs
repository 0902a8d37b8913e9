//! How things stand, in a word each.

/// How things stand.
pub(in crate::console) struct Words {
    /// It runs.
    pub(in crate::console) active: &'static str,
    /// Its YAML does not activate it.
    pub(in crate::console) inactive: &'static str,
    /// A run is under way.
    pub(in crate::console) running: &'static str,
    /// The breaker has disabled it.
    pub(in crate::console) tripped: &'static str,
    /// A person lets it stand still.
    pub(in crate::console) paused: &'static str,
    /// Its run waits for a person.
    pub(in crate::console) held: &'static str,
    /// Its last run has failed.
    pub(in crate::console) failing: &'static str,
    /// It waits for the agreement of a person.
    pub(in crate::console) waiting: &'static str,
    /// A run has succeeded.
    pub(in crate::console) succeeded: &'static str,
    /// A run has failed.
    pub(in crate::console) failed: &'static str,
    /// A run was stopped.
    pub(in crate::console) stopped: &'static str,
    /// Records whose keys were new.
    pub(in crate::console) created: &'static str,
    /// Records whose rows differed.
    pub(in crate::console) updated: &'static str,
    /// Records that were deleted.
    pub(in crate::console) deleted: &'static str,
    /// Records that were the same.
    pub(in crate::console) unchanged: &'static str,
    /// Records that were not wanted.
    pub(in crate::console) skipped: &'static str,
    /// Records that could not be stored.
    pub(in crate::console) rejected: &'static str,
    /// There were no records.
    pub(in crate::console) nothing: &'static str,
    /// Yes.
    pub(in crate::console) yes: &'static str,
    /// No.
    pub(in crate::console) no: &'static str,
}

pub(super) const EN: Words = Words {
    active: "active",
    inactive: "inactive",
    running: "running",
    tripped: "tripped",
    paused: "paused",
    held: "held",
    failing: "failing",
    waiting: "waiting for authorization",
    succeeded: "succeeded",
    failed: "failed",
    stopped: "stopped",
    created: "created",
    updated: "updated",
    deleted: "deleted",
    unchanged: "unchanged",
    skipped: "skipped",
    rejected: "rejected",
    nothing: "no records",
    yes: "yes",
    no: "no",
};

pub(super) const FR: Words = Words {
    active: "active",
    inactive: "inactive",
    running: "en cours",
    tripped: "désactivée",
    paused: "en pause",
    held: "à approuver",
    failing: "en échec",
    waiting: "en attente d’autorisation",
    succeeded: "réussie",
    failed: "échouée",
    stopped: "arrêtée",
    created: "créés",
    updated: "modifiés",
    deleted: "supprimés",
    unchanged: "inchangés",
    skipped: "ignorés",
    rejected: "rejetés",
    nothing: "aucun enregistrement",
    yes: "oui",
    no: "non",
};
