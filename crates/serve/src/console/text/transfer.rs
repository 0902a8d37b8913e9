//! The words of the page of a transfer.

/// Of the page of a transfer.
pub(in crate::console) struct Transfer {
    /// Before how far the run has come.
    pub(in crate::console) under_way: &'static str,
    /// So many pages.
    pub(in crate::console) pages: fn(u64, &str) -> String,
    /// A figure.
    pub(in crate::console) failures: &'static str,
    /// Before where it left off.
    pub(in crate::console) cursor: &'static str,
    /// Before paths.
    pub(in crate::console) unseen: &'static str,
    /// Leads to the form of a resync.
    pub(in crate::console) resync: &'static str,
    /// What a resync does.
    pub(in crate::console) resync_means: &'static str,
    /// A field.
    pub(in crate::console) since: &'static str,
    /// Below the field.
    pub(in crate::console) since_hint: &'static str,
    /// A box that must be ticked.
    pub(in crate::console) sure: &'static str,
    /// Does it.
    pub(in crate::console) resync_now: &'static str,
    /// A heading.
    pub(in crate::console) runs: &'static str,
    /// A heading.
    pub(in crate::console) source: &'static str,
    /// What reads it.
    pub(in crate::console) connector: &'static str,
    /// How we prove who we are.
    pub(in crate::console) authorization: &'static str,
    /// Leads to the agreement.
    pub(in crate::console) authorize: &'static str,
    /// There is none.
    pub(in crate::console) no_authorization: &'static str,
    /// There are tokens.
    pub(in crate::console) granted: &'static str,
    /// None was asked for.
    pub(in crate::console) unasked: &'static str,
    /// The server has taken it back.
    pub(in crate::console) revoked: &'static str,
    /// Before when.
    pub(in crate::console) expires: &'static str,
    /// It renews itself.
    pub(in crate::console) renews: &'static str,
    /// What is read.
    pub(in crate::console) data_type: &'static str,
    /// What else there is.
    pub(in crate::console) other_types: &'static str,
    /// A heading.
    pub(in crate::console) mapping: &'static str,
    /// There is none.
    pub(in crate::console) no_mapping: &'static str,
    /// A column.
    pub(in crate::console) from: &'static str,
    /// A column.
    pub(in crate::console) transforms: &'static str,
    /// A column.
    pub(in crate::console) field: &'static str,
    /// A column.
    pub(in crate::console) example: &'static str,
    /// A column: the record of the newest reject, as the source has shown it.
    pub(in crate::console) came: &'static str,
    /// Of a field of the primary key.
    pub(in crate::console) key: &'static str,
    /// A heading.
    pub(in crate::console) wishes: &'static str,
    /// Whether its YAML activates it.
    pub(in crate::console) active: &'static str,
    /// When it runs.
    pub(in crate::console) schedule: &'static str,
    /// So often.
    pub(in crate::console) every: fn(&str) -> String,
    /// It has no schedule.
    pub(in crate::console) on_demand: &'static str,
    /// Which updates are wanted.
    pub(in crate::console) updates: &'static str,
    /// No integration wants it.
    pub(in crate::console) unwanted: &'static str,
    /// How deletions are learned of.
    pub(in crate::console) deletes: &'static str,
    /// They are not.
    pub(in crate::console) no_deletes: &'static str,
}

pub(super) const EN: Transfer = Transfer {
    under_way: "Under way:",
    pages: |n, shown| format!("{shown} page{}", if n == 1 { "" } else { "s" }),
    failures: "Failures in a row",
    cursor: "The next run begins at",
    unseen: "No record of the last complete reading had:",
    resync: "Read again…",
    resync_means: "The next run reads everything again, and what is under way is given up. Rows stay; those that differ are updated.",
    since: "From",
    since_hint: "Leave it empty to read everything, or write a point as the source writes it.",
    sure: "I have read what this does.",
    resync_now: "Read again",
    runs: "Runs",
    source: "Source",
    connector: "Connector",
    authorization: "Authorization",
    authorize: "Authorize…",
    no_authorization: "none",
    granted: "authorized",
    unasked: "not asked yet",
    revoked: "no longer authorized",
    expires: "token expires",
    renews: "renewed by itself",
    data_type: "Data type",
    other_types: "Also offered",
    mapping: "Mapping",
    no_mapping: "It has no mapping yet.",
    from: "Source field",
    transforms: "Transforms",
    field: "Project field",
    example: "A stored record",
    came: "The last reject, as it came",
    key: "primary key",
    wishes: "What is wanted",
    active: "Activated",
    schedule: "Schedule",
    every: |span| format!("every {span}"),
    on_demand: "on request and by webhook alone",
    updates: "Update types",
    unwanted: "No integration subscribes to it.",
    deletes: "Deletions",
    no_deletes: "not learned of",
};

pub(super) const FR: Transfer = Transfer {
    under_way: "En cours :",
    pages: |n, shown| format!("{shown} page{}", if n < 2 { "" } else { "s" }),
    failures: "Échecs de suite",
    cursor: "La prochaine exécution commence à",
    unseen: "Aucun enregistrement de la dernière lecture complète n’avait :",
    resync: "Relire…",
    resync_means: "La prochaine exécution relit tout, et celle en cours est abandonnée. Les lignes restent ; celles qui diffèrent sont mises à jour.",
    since: "À partir de",
    since_hint: "Laissez vide pour tout relire, ou écrivez un point comme la source l’écrit.",
    sure: "J’ai lu ce que cela fait.",
    resync_now: "Relire",
    runs: "Exécutions",
    source: "Source",
    connector: "Connecteur",
    authorization: "Autorisation",
    authorize: "Autoriser…",
    no_authorization: "aucune",
    granted: "autorisée",
    unasked: "pas encore demandée",
    revoked: "autorisation retirée",
    expires: "le jeton expire",
    renews: "renouvelé automatiquement",
    data_type: "Type de données",
    other_types: "Aussi proposés",
    mapping: "Correspondance",
    no_mapping: "Pas encore de correspondance.",
    from: "Champ source",
    transforms: "Transformations",
    field: "Champ du projet",
    example: "Un enregistrement stocké",
    came: "Le dernier rejet, tel que reçu",
    key: "clé primaire",
    wishes: "Ce qui est voulu",
    active: "Activé",
    schedule: "Planification",
    every: |span| format!("intervalle de {span}"),
    on_demand: "à la demande et par webhook seulement",
    updates: "Types de mise à jour",
    unwanted: "Aucune intégration n’y est abonnée.",
    deletes: "Suppressions",
    no_deletes: "non suivies",
};
