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
}

pub(super) const EN: SignIn = SignIn {
    title: "Sign in",
    token: "Token",
    hint: "An operator makes one with: raccord token create NAME --role read",
    submit: "Sign in",
    unknown: "This token is not known. It may have been revoked.",
    expired: "This token has expired.",
    too_many: "Too many attempts. Wait a minute.",
};

pub(super) const FR: SignIn = SignIn {
    title: "Connexion",
    token: "Jeton",
    hint: "Un opérateur en crée un avec : raccord token create NOM --role read",
    submit: "Se connecter",
    unknown: "Ce jeton est inconnu. Il a peut-être été révoqué.",
    expired: "Ce jeton a expiré.",
    too_many: "Trop de tentatives. Patientez une minute.",
};
