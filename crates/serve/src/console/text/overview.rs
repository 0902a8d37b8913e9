//! The words of the overview.

/// Of the overview.
pub(in crate::console) struct Overview {
    /// Its title.
    pub(in crate::console) title: &'static str,
    /// A column.
    pub(in crate::console) transfer: &'static str,
    /// A column.
    pub(in crate::console) status: &'static str,
    /// A column.
    pub(in crate::console) lag: &'static str,
    /// A column.
    pub(in crate::console) next: &'static str,
    /// A column.
    pub(in crate::console) rows: &'static str,
    /// A column.
    pub(in crate::console) rejects: &'static str,
    /// The field that searches.
    pub(in crate::console) search: &'static str,
    /// The field for a label.
    pub(in crate::console) label: &'static str,
    /// What runs have brought in a day.
    pub(in crate::console) day: &'static str,
    /// Searches.
    pub(in crate::console) filter: &'static str,
    /// What the list of counts is.
    pub(in crate::console) by_status: &'static str,
    /// All of them.
    pub(in crate::console) all: &'static str,
    /// Nothing fits.
    pub(in crate::console) nothing: &'static str,
    /// Over transfers without an integration.
    pub(in crate::console) unwanted: &'static str,
    /// Before what is wrong with it.
    pub(in crate::console) bad_configuration: &'static str,
    /// What the links are.
    pub(in crate::console) pages: &'static str,
    /// Leads to the page before.
    pub(in crate::console) previous: &'static str,
    /// Leads to the page after.
    pub(in crate::console) next_page: &'static str,
    /// Which page of how many.
    pub(in crate::console) page_of: fn(&str, &str) -> String,
}

pub(super) const EN: Overview = Overview {
    title: "Overview",
    transfer: "Transfer",
    status: "Status",
    lag: "Last success",
    next: "Next run",
    rows: "Records",
    rejects: "Rejects",
    search: "Search integrations, transfers, sources, entities",
    label: "Label",
    day: "Last 24 hours",
    filter: "Search",
    by_status: "By status",
    all: "All",
    nothing: "Nothing fits.",
    unwanted: "In no integration",
    bad_configuration: "The configuration that was read last is not valid; the one before it is in force.",
    pages: "Pages",
    previous: "Previous",
    next_page: "Next",
    page_of: |page, last| format!("Page {page} of {last}"),
};

pub(super) const FR: Overview = Overview {
    title: "Vue d’ensemble",
    transfer: "Transfert",
    status: "État",
    lag: "Dernier succès",
    next: "Prochaine exécution",
    rows: "Enregistrements",
    rejects: "Rejets",
    search: "Chercher intégrations, transferts, sources, entités",
    label: "Étiquette",
    day: "Dernières 24 heures",
    filter: "Chercher",
    by_status: "Par état",
    all: "Tous",
    nothing: "Rien ne correspond.",
    unwanted: "Dans aucune intégration",
    bad_configuration: "La dernière configuration lue n’est pas valide ; la précédente reste en vigueur.",
    pages: "Pages",
    previous: "Précédente",
    next_page: "Suivante",
    page_of: |page, last| format!("Page {page} sur {last}"),
};
