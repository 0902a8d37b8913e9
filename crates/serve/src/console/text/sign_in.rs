//! The words of the page on which a person signs in.

/// Of the page on which a person signs in.
pub(in crate::console) struct SignIn {
    /// Its title.
    pub(in crate::console) title: &'static str,
    /// The field for a token.
    pub(in crate::console) token: &'static str,
    /// Where a token comes from.
    pub(in crate::console) hint: &'static str,
    /// Signs in.
    pub(in crate::console) submit: &'static str,
    /// The token is none.
    pub(in crate::console) unknown: &'static str,
    /// The token is over.
    pub(in crate::console) expired: &'static str,
    /// Too many were tried.
    pub(in crate::console) too_many: &'static str,
    /// Leads to a provider, by its name.
    pub(in crate::console) with: fn(&str) -> String,
    /// Between that and the token.
    pub(in crate::console) or: &'static str,
    /// What came back was not begun by this browser, or too long ago.
    pub(in crate::console) not_begun: &'static str,
    /// The provider has not let the person through, with its code.
    pub(in crate::console) denied: fn(&str) -> String,
    /// The provider does not answer.
    pub(in crate::console) unavailable: &'static str,
    /// The settings are wrong.
    pub(in crate::console) settings: &'static str,
    /// The answer does not count.
    pub(in crate::console) unproved: &'static str,
    /// The person has no role here, by their name.
    pub(in crate::console) no_role: fn(&str) -> String,
}

pub(super) const EN: SignIn = SignIn {
    title: "Sign in",
    token: "Token",
    hint: "An operator makes one with: raccord token create NAME --role read",
    submit: "Sign in",
    unknown: "This token is not known. It may have been revoked.",
    expired: "This token has expired.",
    too_many: "Too many attempts. Wait a minute.",
    with: |name| format!("Sign in with {name}"),
    or: "or with a token:",
    not_begun: "This sign-in was not begun in this browser, or it took too long. Begin again.",
    denied: |code| format!("The provider did not sign you in: {code}"),
    unavailable: "The provider that signs people in does not answer. Try again in a moment; a token works meanwhile.",
    settings: "Sign-in by the provider does not work. An operator has to look at its settings; a token works meanwhile.",
    unproved: "The answer of the provider does not count. Begin again.",
    no_role: |name| {
        format!("You are {name}, but none of your groups has a role here. An operator can give it one.")
    },
};

pub(super) const FR: SignIn = SignIn {
    title: "Connexion",
    token: "Jeton",
    hint: "Un opérateur en crée un avec : raccord token create NOM --role read",
    submit: "Se connecter",
    unknown: "Ce jeton est inconnu. Il a peut-être été révoqué.",
    expired: "Ce jeton a expiré.",
    too_many: "Trop de tentatives. Patientez une minute.",
    with: |name| format!("Se connecter avec {name}"),
    or: "ou avec un jeton :",
    not_begun: "Cette connexion n’a pas été commencée dans ce navigateur, ou elle a pris trop de temps. Recommencez.",
    denied: |code| format!("Le fournisseur ne vous a pas connecté : {code}"),
    unavailable: "Le fournisseur d’identité ne répond pas. Réessayez dans un instant ; un jeton fonctionne en attendant.",
    settings: "La connexion par le fournisseur ne fonctionne pas. Un opérateur doit revoir ses réglages ; un jeton \
               fonctionne en attendant.",
    unproved: "La réponse du fournisseur ne compte pas. Recommencez.",
    no_role: |name| {
        format!(
            "Vous êtes {name}, mais aucun de vos groupes n’a de rôle ici. Un opérateur peut lui en donner un."
        )
    },
};
