//! The words of the page of the graph.

use super::both::both;

both! {
    /// Of the page of the graph.
    Graph {
        /// The entry of the navigation and the title.
        title: "Graph", "Graphe";
        /// The description of the picture.
        picture: "What flows where: sources, transfers, entities, stores", "Ce qui va où : sources, transferts, entités, stockages";
        /// The search.
        search: "Name of a source, transfer, integration, entity or store", "Nom d’une source, d’un transfert, d’une intégration, d’une entité ou d’un stockage";
        /// Filters.
        filter: "Filter", "Filtrer";
        /// How it stands.
        by_status: "How they stand", "État";
        /// All of them.
        all: "All", "Tous";
        /// There is none.
        none: "No transfer fits.", "Aucun transfert ne correspond.";
        /// Said of what is collapsed.
        collapsed: "There are many transfers: boxes stand for several, with their number and the worst of their states. A box leads to what it stands for.", "Les transferts sont nombreux : chaque boîte en représente plusieurs, avec leur nombre et le pire de leurs états. Une boîte mène à ce qu’elle représente.";
        /// After a number.
        transfers: "transfers", "transferts";
        /// After a number: what does not fit.
        others: "others", "autres";
        /// Without an integration.
        unwanted: "no integration", "aucune intégration";
        /// How to move it.
        moves: "Arrow keys move the picture, + and − zoom, 0 shows all of it.", "Les flèches déplacent l’image, + et − zooment, 0 l’affiche en entier.";
        /// A button.
        zoom_in: "Zoom in", "Agrandir";
        /// A button.
        zoom_out: "Zoom out", "Réduire";
        /// A button.
        whole: "Whole picture", "Image entière";
    }
}
