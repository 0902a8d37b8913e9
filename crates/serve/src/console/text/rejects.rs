//! The words of the pages of rejects.

use super::both::both;

both! {
    /// Of the pages of rejects.
    Rejects {
        /// The entry of the navigation and the title.
        title: "Rejects", "Rejets";
        /// There is none.
        none: "No record is rejected.", "Aucun enregistrement n’est rejeté.";
        /// The search.
        search: "Search transfers, fields, reasons", "Chercher transferts, champs, raisons";
        /// No group has what is searched for.
        none_found: "No rejected record has this text.", "Aucun rejet ne contient ce texte.";
        /// A column.
        transfer: "Transfer", "Transfert";
        /// A column.
        field: "Field", "Champ";
        /// A column.
        reason: "Reason", "Raison";
        /// A column.
        count: "Records", "Enregistrements";
        /// A column.
        newest: "Last seen", "Vu en dernier";
        /// A column.
        position: "Where in the run", "Où dans l’exécution";
        /// Leads to those of a group.
        show: "Show", "Afficher";
        /// Opens the question.
        replay_group: "Replay these…", "Rejouer ceux-ci…";
        /// Opens the question.
        replay_one: "Replay this record…", "Rejouer cet enregistrement…";
        /// Opens the question.
        replay_all: "Replay all of", "Rejouer tous ceux de";
        /// What a replay does.
        replay_means: "The records are mapped again as the configuration says now. Those that pass are stored; the others stay here.", "Les enregistrements sont à nouveau convertis selon la configuration actuelle. Ceux qui passent sont stockés, les autres restent ici.";
        /// The box to tick.
        sure: "I want records to be written", "Je veux que des enregistrements soient écrits";
        /// Does it.
        replay_now: "Replay", "Rejouer";
        /// What came of it.
        replayed: "What the replay came to", "Résultat";
        /// A heading.
        payload: "The record as it came", "L’enregistrement tel qu’il est arrivé";
        /// It was not kept.
        not_kept: "The record was not kept.", "L’enregistrement n’a pas été conservé.";
        /// It is cut.
        cut: "Only the beginning is shown.", "Seul le début est affiché.";
        /// Before the path that was marked.
        marked: "Marked: what the mapping takes for", "Marqué : ce que la conversion prend pour";
        /// Before a path that is not there.
        absent: "The record does not have what the mapping takes:", "L’enregistrement n’a pas ce que la conversion prend :";
        /// How many of a group are shown at the most.
        first_ones: "The newest 100 of them.", "Les 100 plus récents.";
    }
}
