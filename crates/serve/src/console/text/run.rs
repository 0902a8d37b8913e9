//! The words about runs.

/// About runs.
pub(in crate::console) struct RunWords {
    /// There is none.
    pub(in crate::console) none: &'static str,
    /// What the chart shows.
    pub(in crate::console) chart: &'static str,
    /// Leads to more of them.
    pub(in crate::console) older: &'static str,
    /// A column.
    pub(in crate::console) began: &'static str,
    /// A column.
    pub(in crate::console) outcome: &'static str,
    /// A column.
    pub(in crate::console) cause: &'static str,
    /// A column.
    pub(in crate::console) took: &'static str,
    /// A person asked.
    pub(in crate::console) requested: &'static str,
    /// It was due.
    pub(in crate::console) scheduled: &'static str,
    /// Deliveries waited.
    pub(in crate::console) deliveries: &'static str,
}

pub(super) const EN: RunWords = RunWords {
    none: "No run yet.",
    chart: "Records of each run, oldest first",
    older: "Older runs",
    began: "Began",
    outcome: "Outcome",
    cause: "Cause",
    took: "Took",
    requested: "on request",
    scheduled: "schedule",
    deliveries: "webhook",
};

pub(super) const FR: RunWords = RunWords {
    none: "Aucune exécution pour l’instant.",
    chart: "Enregistrements de chaque exécution, la plus ancienne d’abord",
    older: "Exécutions plus anciennes",
    began: "Début",
    outcome: "Résultat",
    cause: "Cause",
    took: "Durée",
    requested: "à la demande",
    scheduled: "planification",
    deliveries: "webhook",
};
