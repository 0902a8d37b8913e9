//! The words of the pages of records.

use super::both::both;

both! {
    /// Of the pages of records.
    Records {
        /// The entry of the navigation and the title.
        title: "Records", "Enregistrements";
        /// A column.
        entity: "Entity", "Entité";
        /// A column, and a heading.
        key: "Key", "Clé";
        /// A column.
        count: "Records", "Enregistrements";
        /// A column.
        store: "Store", "Stockage";
        /// A column.
        fed_by: "Fed by", "Alimentée par";
        /// There is none.
        no_entities: "No entity is applied.", "Aucune entité n’est appliquée.";
        /// The search of entities.
        search_entities: "Search entities, transfers, stores", "Chercher entités, transferts, stockages";
        /// No entity has what is searched for.
        no_entity_found: "No entity has this text.", "Aucune entité ne contient ce texte.";
        /// Over the rows that go when a held run is approved.
        pending_deletions: "These rows go when the held run is approved.", "Ces lignes disparaissent quand l’exécution retenue est approuvée.";
        /// A field of the search.
        field: "Field", "Champ";
        /// A field of the search.
        value: "Value (the whole of it)", "Valeur (exacte et entière)";
        /// Searches.
        search: "Search", "Chercher";
        /// Leads back to all of them.
        all: "All records", "Tous les enregistrements";
        /// The page has none.
        none: "No record on this page.", "Aucun enregistrement sur cette page.";
        /// A search that goes on.
        goes_on: "The search goes on: not everything was looked through yet.", "La recherche continue : tout n’a pas encore été parcouru.";
        /// Leads to the next page.
        next: "Next page", "Page suivante";
        /// Leads to the first page.
        first: "First page", "Première page";
        /// Leads to where a record comes from.
        explain: "Explain", "Expliquer";
        /// A heading.
        download: "Download", "Télécharger";
        /// What a download holds.
        download_means: "All records of the search. In CSV, a cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line break) begins with an apostrophe.", "Tous les enregistrements de la recherche. En CSV, une cellule qu’un tableur prendrait pour une formule (elle commence par = + - @, une tabulation ou un retour) commence par une apostrophe.";
        /// A heading.
        stored: "As it is stored", "Tel qu’il est stocké";
        /// There is no such record.
        not_stored: "No record is stored under this key.", "Aucun enregistrement n’est stocké sous cette clé.";
        /// A heading.
        origin: "Where it comes from", "D’où il vient";
        /// A line.
        source: "Source", "Source";
        /// A line.
        transfer: "Transfer", "Transfert";
        /// A line.
        written_by: "Last written by the run", "Écrit en dernier par l’exécution";
        /// The run is no longer kept.
        run_gone: "a run that is no longer kept", "une exécution qui n’est plus conservée";
        /// A heading.
        rejects: "Rejected under this key", "Rejetés sous cette clé";
        /// There is none.
        no_rejects: "Nothing was rejected under this key.", "Rien n’a été rejeté sous cette clé.";
    }
}
