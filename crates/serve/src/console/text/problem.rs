//! Why there is no page.

/// Of the page that says why there is none.
pub(in crate::console) struct Problem {
    /// There is nothing of that name.
    pub(in crate::console) unknown: &'static str,
    /// It is not allowed.
    pub(in crate::console) forbidden: &'static str,
    /// What was sent makes no sense.
    pub(in crate::console) invalid: &'static str,
    /// Something else came first.
    pub(in crate::console) stale: &'static str,
    /// It is too busy.
    pub(in crate::console) unavailable: &'static str,
    /// Something went wrong here.
    pub(in crate::console) internal: &'static str,
    /// What caused it.
    pub(in crate::console) causes: &'static str,
    /// Leads to the overview.
    pub(in crate::console) back: &'static str,
}

pub(super) const EN: Problem = Problem {
    unknown: "Not found",
    forbidden: "Not allowed",
    invalid: "That cannot be done",
    stale: "Something has changed meanwhile",
    unavailable: "Try again in a moment",
    internal: "Something went wrong",
    causes: "Causes",
    back: "Back to the overview",
};

pub(super) const FR: Problem = Problem {
    unknown: "Introuvable",
    forbidden: "Non autorisé",
    invalid: "Impossible",
    stale: "Quelque chose a changé entre-temps",
    unavailable: "Réessayez dans un instant",
    internal: "Une erreur est survenue",
    causes: "Causes",
    back: "Retour à la vue d’ensemble",
};
