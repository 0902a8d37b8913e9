//! Sign-in by OpenID Connect, as a daemon is told of it: who says who a person is, and which group has which roles. It sends
//! no request and keeps nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raccord_model::fact::Role;
use raccord_model::port::identity::IdentityProvider;
use url::Url;

/// How people sign in at the console without a token.
#[derive(Debug, Clone)]
pub struct OpenId {
    /// Who says who a person is.
    pub provider: Arc<dyn IdentityProvider>,
    /// Which roles the members of a group have, by its name.
    pub roles: BTreeMap<String, BTreeSet<Role>>,
    /// Where browsers reach the console, when that is not where it listens.
    pub public_url: Option<Url>,
}

impl OpenId {
    /// What the members of groups may do.
    pub(crate) fn roles_of<'g>(&self, groups: impl IntoIterator<Item = &'g String>) -> BTreeSet<Role> {
        groups.into_iter().filter_map(|group| self.roles.get(group)).flatten().copied().collect()
    }

    /// Those of the groups that give a role.
    pub(crate) fn telling(&self, groups: Vec<String>) -> BTreeSet<String> {
        groups.into_iter().filter(|group| self.roles.contains_key(group)).collect()
    }

    /// Whether an issuer and what we are called there are those of these settings.
    pub(crate) fn is_of(&self, issuer: &str, client: &str) -> bool {
        self.provider.issuer() == issuer && self.provider.client() == client
    }
}
