//! The words of the page of the audit log.

use super::both::both;

both! {
    /// Of the page of the audit log.
    Audit {
        /// The entry of the navigation and the title.
        title: "Audit", "Audit";
        /// What is there.
        about: "Who changed something, newest first, and who was refused.", "Qui a changé quelque chose, du plus récent au plus ancien, et qui a été refusé.";
        /// There is none.
        none: "Nothing was changed yet.", "Rien n’a encore été changé.";
        /// A column.
        at: "When", "Quand";
        /// A column.
        who: "Who", "Qui";
        /// A column.
        way: "How", "Par";
        /// A column.
        what: "What", "Quoi";
        /// A column.
        outcome: "Outcome", "Résultat";
        /// A way.
        local: "on the machine", "sur la machine";
        /// A way.
        http: "over HTTP", "par HTTP";
        /// An outcome.
        done: "done", "fait";
        /// An outcome.
        failed: "failed", "échoué";
        /// An outcome.
        refused: "refused", "refusé";
    }
}
