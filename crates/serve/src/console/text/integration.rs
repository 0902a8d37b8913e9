//! The words of the page of an integration.

/// Of the page of an integration.
pub(in crate::console) struct Integration {
    /// Over why the breaker has disabled it.
    pub(in crate::console) tripped_because: &'static str,
    /// What to do about it.
    pub(in crate::console) tripped_advice: &'static str,
    /// Before when it was paused.
    pub(in crate::console) paused_since: &'static str,
    /// Before when the pause ends.
    pub(in crate::console) paused_until: &'static str,
    /// Starts it again.
    pub(in crate::console) resume: &'static str,
    /// Runs it now.
    pub(in crate::console) run: &'static str,
    /// Leads to the form of a pause.
    pub(in crate::console) pause: &'static str,
    /// What a pause does.
    pub(in crate::console) pause_means: &'static str,
    /// A transfer runs all the same, for another integration.
    pub(in crate::console) goes_on: fn(&str, &str) -> String,
    /// So many deliveries wait for a transfer.
    pub(in crate::console) deliveries_wait: fn(&str, &str) -> String,
    /// So many deliveries to a source were refused; before since when.
    pub(in crate::console) refused: fn(&str, &str) -> String,
    /// So many genuine deliveries to a source could not be taken; before since when.
    pub(in crate::console) unreadable: fn(&str, &str) -> String,
    /// So many deliveries to a source were not kept; before since when.
    pub(in crate::console) not_kept: fn(&str, &str) -> String,
    /// A field.
    pub(in crate::console) reason: &'static str,
    /// A field.
    pub(in crate::console) hours: &'static str,
    /// Below the field.
    pub(in crate::console) hours_hint: &'static str,
    /// Pauses it.
    pub(in crate::console) pause_now: &'static str,
    /// Leads to the form of a test.
    pub(in crate::console) test_alert: &'static str,
    /// What a test does.
    pub(in crate::console) test_alert_means: &'static str,
    /// Sends the test.
    pub(in crate::console) send_test: &'static str,
    /// An alert was taken.
    pub(in crate::console) alert_taken: &'static str,
    /// An alert was not taken.
    pub(in crate::console) alert_failed: &'static str,
    /// There is no alert.
    pub(in crate::console) nobody_alerted: &'static str,
    /// A heading.
    pub(in crate::console) transfers: &'static str,
    /// Leads to all of them.
    pub(in crate::console) all_transfers: &'static str,
    /// There is none.
    pub(in crate::console) no_transfers: &'static str,
    /// A column.
    pub(in crate::console) from_to: &'static str,
    /// A heading.
    pub(in crate::console) runs: &'static str,
    /// A heading.
    pub(in crate::console) settings: &'static str,
    /// Who is told.
    pub(in crate::console) alerts: &'static str,
    /// No one is told.
    pub(in crate::console) no_alerts: &'static str,
    /// When it is disabled.
    pub(in crate::console) breaker: &'static str,
    /// So many failures.
    pub(in crate::console) breaker_failures: fn(&str) -> String,
    /// So many rejects in so long.
    pub(in crate::console) breaker_rejects: fn(&str, &str) -> String,
    /// Its labels.
    pub(in crate::console) labels: &'static str,
}

pub(super) const EN: Integration = Integration {
    tripped_because: "Why it was disabled",
    tripped_advice: "Mend the cause, then resume: nothing runs before.",
    paused_since: "Paused",
    paused_until: "until",
    resume: "Resume",
    run: "Run now",
    pause: "Pause…",
    pause_means: "Nothing runs for this integration until it is resumed. Deliveries are kept.",
    goes_on: |transfer, other| format!("{transfer} goes on: {other} subscribes to it too."),
    deliveries_wait: |n, transfer| format!("Webhook deliveries that wait for {transfer}: {n}"),
    refused: |n, source| format!("Deliveries to {source} that were refused, none genuine: {n}, since"),
    unreadable: |n, source| {
        format!("Genuine deliveries to {source} that were lost, for they cannot be taken: {n}, since")
    },
    not_kept: |n, source| {
        format!("Deliveries to {source} that were not kept, for what is not active: {n}, since")
    },
    reason: "Reason",
    hours: "End, in hours from now",
    hours_hint: "Leave it empty to pause until someone resumes.",
    pause_now: "Pause",
    test_alert: "Test the alert…",
    test_alert_means: "A message marked as a test goes to:",
    send_test: "Send the test",
    alert_taken: "taken",
    alert_failed: "not taken",
    nobody_alerted: "Nobody is told when this integration is disabled.",
    transfers: "Transfers",
    all_transfers: "All transfers",
    no_transfers: "It subscribes to no transfer.",
    from_to: "Source → entity",
    runs: "Last runs",
    settings: "Settings",
    alerts: "Alerts",
    no_alerts: "none",
    breaker: "Disabled after",
    breaker_failures: |n| format!("{n} failed runs of one transfer in a row"),
    breaker_rejects: |n, within| format!("{n} new rejects within {within}"),
    labels: "Labels",
};

pub(super) const FR: Integration = Integration {
    tripped_because: "Pourquoi elle a été désactivée",
    tripped_advice: "Corrigez la cause, puis reprenez : rien ne s’exécute avant.",
    paused_since: "En pause",
    paused_until: "jusqu’au",
    resume: "Reprendre",
    run: "Exécuter maintenant",
    pause: "Mettre en pause…",
    pause_means: "Rien ne s’exécute pour cette intégration avant la reprise. Les livraisons sont conservées.",
    goes_on: |transfer, other| format!("{transfer} continue : {other} y est aussi abonnée."),
    deliveries_wait: |n, transfer| format!("Livraisons de webhook en attente pour {transfer} : {n}"),
    refused: |n, source| format!("Livraisons à {source} refusées, aucune authentique : {n}, depuis"),
    unreadable: |n, source| {
        format!("Livraisons authentiques à {source} perdues, car illisibles ou trop grandes : {n}, depuis")
    },
    not_kept: |n, source| {
        format!("Livraisons à {source} non conservées, pour ce qui n’est pas actif : {n}, depuis")
    },
    reason: "Raison",
    hours: "Fin, en heures à partir de maintenant",
    hours_hint: "Laissez vide pour une pause jusqu’à la reprise.",
    pause_now: "Mettre en pause",
    test_alert: "Tester l’alerte…",
    test_alert_means: "Un message marqué comme test part à :",
    send_test: "Envoyer le test",
    alert_taken: "accepté",
    alert_failed: "refusé",
    nobody_alerted: "Personne n’est averti quand cette intégration est désactivée.",
    transfers: "Transferts",
    all_transfers: "Tous les transferts",
    no_transfers: "Elle n’est abonnée à aucun transfert.",
    from_to: "Source → entité",
    runs: "Dernières exécutions",
    settings: "Réglages",
    alerts: "Alertes",
    no_alerts: "aucune",
    breaker: "Désactivée après",
    breaker_failures: |n| format!("{n} exécutions échouées de suite d’un transfert"),
    breaker_rejects: |n, within| format!("{n} nouveaux rejets en {within}"),
    labels: "Étiquettes",
};
