//! The words of the pages of changes.

use super::both::both;

both! {
    /// Of the pages of changes.
    Changes {
        /// The entry of the navigation and the title.
        title: "Changes", "Changements";
        /// A heading.
        problems: "The configuration has mistakes", "La configuration contient des erreurs";
        /// What that means.
        problems_mean: "What was applied last goes on until they are mended.", "Ce qui a été appliqué en dernier continue jusqu’à leur correction.";
        /// A heading.
        pending: "Waiting for approval", "En attente d’approbation";
        /// There is none.
        nothing_pending: "No change waits for approval.", "Aucun changement n’attend d’approbation.";
        /// Another daemon knows.
        pending_elsewhere: "Which change waits, the daemon that works knows.", "Le démon qui travaille sait quel changement attend.";
        /// Applies it.
        apply: "Apply these changes…", "Appliquer ces changements…";
        /// Applies it.
        apply_now: "Apply", "Appliquer";
        /// To leave it, nothing is to be done.
        leave: "To leave them, do nothing: they wait until the configuration changes.", "Pour les laisser, ne faites rien : ils attendent que la configuration change.";
        /// A box to tick.
        allow_delete: "Allow what it deletes", "Autoriser ce qui est supprimé";
        /// A box to tick.
        allow_rekey: "Allow rows to get other keys", "Autoriser de nouvelles clés pour les lignes";
        /// A box to tick.
        sure: "I have read what it means for the data", "J’ai lu ce que cela signifie pour les données";
        /// A heading.
        held: "Held runs", "Exécutions retenues";
        /// There is none.
        nothing_held: "No run is held.", "Aucune exécution n’est retenue.";
        /// Opens the question.
        approve: "Approve…", "Approuver…";
        /// Approves it.
        approve_now: "Approve", "Approuver";
        /// Rows that would go: before the count.
        would_delete: "Rows that would go:", "Lignes qui disparaîtraient :";
        /// Leads to these rows.
        which: "Look at the rows that would go", "Voir les lignes qui disparaîtraient";
        /// Between the two counts.
        of: "of", "sur";
        /// Records whose key cannot be read.
        keyless: "Records whose key cannot be read:", "Enregistrements dont la clé est illisible :";
        /// The service has more than was read.
        incomplete: "Not everything may have been read, as the notes of the run say: these rows may still be there.", "Tout n’a peut-être pas été lu, comme le précisent les notes de l’exécution : ces lignes existent peut-être encore.";
        /// An approval deletes them.
        deletes_on_approval: "An approval deletes them now.", "Une approbation les supprime maintenant.";
        /// Values that would be emptied.
        would_empty: "Values that would be emptied or replaced:", "Valeurs qui seraient vidées ou remplacées :";
        /// The paths.
        vanished: "No record had:", "Aucun enregistrement n’avait :";
        /// The next run does it.
        empties_on_approval: "An approval lets the next run do it.", "Une approbation laisse la prochaine exécution le faire.";
        /// The pages shifted.
        shifted: "The pages shifted while they were read; records may be missing. An approval takes what was read for complete, and deletes nothing.", "Les pages ont bougé pendant la lecture ; des enregistrements peuvent manquer. Une approbation tient la lecture pour complète et ne supprime rien.";
        /// A heading.
        history: "History", "Historique";
        /// There is none.
        no_history: "Nothing was applied yet.", "Rien n’a encore été appliqué.";
        /// A column.
        generation: "Generation", "Génération";
        /// A column.
        applied_at: "Applied", "Appliquée";
        /// A column.
        by: "By", "Par";
        /// A column.
        commit: "Commit", "Commit";
        /// A column.
        changed: "Changed", "Modifiées";
        /// Of a rollback: before the number.
        back_to: "back to", "retour à";
        /// Leads to the plan of a rollback.
        roll_back: "Go back to this generation…", "Revenir à cette génération…";
        /// Instead of it, where the daemon follows files or a repository.
        revert: "To go back, revert the commit or the files that Raccord follows.", "Pour revenir en arrière, annulez le commit ou la modification des fichiers que Raccord suit.";
        /// A title.
        rollback_plan: "What going back would change", "Ce que le retour changerait";
        /// Goes back.
        roll_back_now: "Go back", "Revenir";
        /// What a rollback is.
        rollback_means: "It makes a new generation. Checkpoints, records and trips never go back.", "Cela crée une nouvelle génération. Les points de reprise, les enregistrements et les désactivations ne reviennent jamais en arrière.";
        /// A heading.
        difference: "What it changed", "Ce qu’elle a changé";
        /// There is none.
        same: "It changes no resource.", "Aucune ressource ne change.";
        /// A heading.
        effects: "What it means for the data", "Ce que cela signifie pour les données";
        /// There is none.
        no_effects: "Nothing happens to the data.", "Rien n’arrive aux données.";
        /// A heading.
        refusals: "Not allowed as it is", "Pas autorisé en l’état";
        /// A heading.
        notes: "To know", "À savoir";
        /// A heading.
        statements: "Statements for the database", "Instructions pour la base";
        /// Before how many more there are.
        more: "More changes that are not shown:", "Autres changements non affichés :";
        /// Was called before.
        was: "was", "auparavant";
        /// A consequence.
        nothing: "nothing happens", "rien ne se passe";
        /// A consequence.
        restart: "its schedule begins anew", "son calendrier recommence";
        /// A consequence.
        guard: "more deletions are done without a person", "davantage de suppressions se font sans approbation";
        /// A consequence.
        deletions: "deletions begin or cease to be received", "des suppressions commencent ou cessent d’être reçues";
        /// A consequence.
        reread: "everything is read again", "tout est relu";
        /// A consequence.
        remap: "everything is read again, as rows are made differently", "tout est relu, car les lignes sont faites autrement";
        /// A consequence.
        drop_field: "its values are dropped", "ses valeurs sont supprimées";
        /// A consequence.
        rekey: "its rows are dropped and read again under other keys", "ses lignes sont supprimées et relues sous d’autres clés";
        /// Before the rows that a re-key loses.
        lost: "not read again:", "non relues :";
        /// Why rows are not read again.
        lost_inactive: "not active", "inactif";
        /// Why rows are not read again.
        lost_unwanted: "no active integration subscribes to what is created", "aucune intégration active n’est abonnée aux créations";
        /// Why rows are not read again.
        lost_gone: "of transfers that are gone, or own no rows of it now", "de transferts disparus, ou qui n’en possèdent plus de lignes";
        /// A consequence.
        drop: "its rows are dropped", "ses lignes sont supprimées";
        /// Before a count.
        about: "about", "environ";
        /// An action.
        delete: "delete", "supprimer";
        /// An action.
        deactivate: "disable", "désactiver";
        /// An action.
        rename: "rename", "renommer";
        /// An action.
        update: "change", "modifier";
        /// An action.
        create: "create", "créer";
        /// An action.
        activate: "enable", "activer";
        /// A note: before the integration.
        resumes: "starts again, because what failed changes:", "redémarre, car ce qui échouait change :";
        /// A note: before the integration.
        stays_tripped: "stays disabled:", "reste désactivée :";
        /// A note: before the integration and its transfers.
        stays_paused: "stays paused, so that these transfers are read again only once it is resumed:", "reste en pause ; ces transferts ne sont relus qu’à sa reprise :";
        /// A note.
        rename_ignored: "the rename is ignored:", "le renommage est ignoré :";
        /// A note.
        stays: "is not written any more and stays as it is:", "n’est plus écrit et reste en l’état :";
        /// A note: before the transfer and two numbers.
        drops_waiting: "waiting deliveries / rejects that are dropped with the transfer", "livraisons en attente / rejets supprimés avec le transfert";
        /// A note: before the transfer.
        deliveries_end: "webhooks that come meanwhile are not kept for the transfer (a pause of its integration keeps them):", "les webhooks reçus entre-temps ne sont pas conservés pour le transfert (une mise en pause de son intégration les conserve) :";
        /// A note: before the addresses.
        webhook_moves: "the address of a webhook changes; tell the service, which is refused at the old one:", "l’adresse d’un webhook change ; informez-en le service, qui est refusé à l’ancienne :";
        /// A note.
        stack_named: "the stack gets the name", "la pile prend le nom";
        /// A note.
        root_moves: "data paths are relative to another directory:", "les chemins sont relatifs à un autre dossier :";
    }
}
