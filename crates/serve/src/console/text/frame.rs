//! The words around every page.

/// Of the frame around every page.
pub(in crate::console) struct Frame {
    /// The name of the language in itself.
    pub(in crate::console) language: &'static str,
    /// The link past the navigation.
    pub(in crate::console) skip: &'static str,
    /// What the navigation is.
    pub(in crate::console) navigation: &'static str,
    /// What the page is a part of.
    pub(in crate::console) trail: &'static str,
    /// The overview.
    pub(in crate::console) overview: &'static str,
    /// Signs in.
    pub(in crate::console) sign_in: &'static str,
    /// Signs out.
    pub(in crate::console) sign_out: &'static str,
    /// Of who looks without a session.
    pub(in crate::console) public: &'static str,
    /// The daemon stands by: before which one works.
    pub(in crate::console) stands_by: &'static str,
    /// Over the list of keys.
    pub(in crate::console) keys: &'static str,
    /// What `/` does.
    pub(in crate::console) key_search: &'static str,
    /// What `?` does.
    pub(in crate::console) key_help: &'static str,
    /// Closes the list of keys.
    pub(in crate::console) close: &'static str,
}

pub(super) const EN: Frame = Frame {
    language: "English",
    skip: "Skip to the content",
    navigation: "Main",
    trail: "You are here",
    overview: "Overview",
    sign_in: "Sign in",
    sign_out: "Sign out",
    public: "Read-only",
    stands_by: "This daemon stands by: it shows what is stored, takes webhooks and changes nothing. Changes are made at the one \
                that works:",
    keys: "Keyboard",
    key_search: "Search on this page",
    key_help: "Show these keys",
    close: "Close",
};

pub(super) const FR: Frame = Frame {
    language: "Français",
    skip: "Aller au contenu",
    navigation: "Principale",
    trail: "Vous êtes ici",
    overview: "Vue d’ensemble",
    sign_in: "Se connecter",
    sign_out: "Se déconnecter",
    public: "Lecture seule",
    stands_by: "Ce démon est en réserve : il montre ce qui est enregistré, reçoit les webhooks et ne change rien. Les \
                changements se font auprès de celui qui travaille :",
    keys: "Clavier",
    key_search: "Chercher sur cette page",
    key_help: "Afficher ces touches",
    close: "Fermer",
};
