//! How people sign in at the console by OpenID Connect, as `raccord watch` is told of it. It judges the arguments alone; the
//! provider is asked when a person signs in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use raccord_connect::{OpenIdProvider, OpenIdSettings, System};
use raccord_model::fact::Role;
use raccord_model::secret::SecretRef;
use raccord_serve::http::OpenId;
use url::Url;

use crate::error::CommandError;

const HEADING: &str = "Sign-in by OpenID Connect";

/// Who signs people in, and what they may do.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct OpenIdArgs {
    /// The URL of the provider that signs people in at the console, exactly as it writes it
    #[arg(
        long,
        value_name = "URL",
        requires_all = ["listen", "openid_client", "openid_roles"],
        conflicts_with = "open_console"
    )]
    openid_issuer: Option<String>,
    /// What Raccord is called there (client ID)
    #[arg(long, value_name = "ID", requires = "openid_issuer")]
    openid_client: Option<String>,
    #[arg(
        long,
        value_name = "REFERENCE",
        requires = "openid_issuer",
        help = "Where its secret is (${env:NAME}, ${file:PATH}); none for a public client"
    )]
    openid_secret: Option<SecretRef>,
    /// What is asked for beside openid, profile and email; can be repeated
    #[arg(long = "openid-scope", value_name = "SCOPE", requires = "openid_issuer")]
    openid_scopes: Vec<String>,
    #[arg(
        long,
        value_name = "CLAIM",
        default_value = "groups",
        requires = "openid_issuer",
        help = "The claim that names the groups of a person; a path has points (realm_access.roles)"
    )]
    openid_groups: String,
    /// A role that the members of a group have (ops=operate); can be repeated
    #[arg(long = "openid-role", value_name = "GROUP=ROLE", value_parser = role, requires = "openid_issuer")]
    openid_roles: Vec<(String, Role)>,
    /// Where browsers reach the console, when a proxy stands in front of it
    #[arg(long, value_name = "URL", value_parser = public_url, requires = "openid_issuer")]
    public_url: Option<Url>,
}

/// A group and a role of its members. A group may have any character in its name.
fn role(text: &str) -> Result<(String, Role), String> {
    let (group, role) = text.rsplit_once('=').filter(|(group, _)| !group.is_empty()).ok_or_else(|| {
        "write a group, `=` and a role: ops=operate; for several roles of a group repeat it".to_owned()
    })?;
    Ok((group.to_owned(), role.parse::<Role>().map_err(|error| error.to_string())?))
}

/// The beginning of the addresses of the console.
fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
    url.ok_or_else(|| "write https:// and a host, and no path: https://raccord.example".to_owned())
}

impl OpenIdArgs {
    /// How people sign in, when it was said.
    pub(crate) fn settings(&self, system: System) -> Result<Option<OpenId>, CommandError> {
        let (Some(issuer), Some(client)) = (&self.openid_issuer, &self.openid_client) else {
            return Ok(None);
        };
        let settings = OpenIdSettings {
            issuer: issuer.clone(),
            client: client.clone(),
            secret: self.openid_secret.clone(),
            scopes: self.openid_scopes.clone(),
            groups: self.openid_groups.clone(),
        };
        let provider = OpenIdProvider::new(settings, Path::new("."), Arc::new(system))
            .map_err(|error| CommandError::usage(error.to_string()))?;
        let mut roles: BTreeMap<String, BTreeSet<Role>> = BTreeMap::new();
        for (group, role) in &self.openid_roles {
            roles.entry(group.clone()).or_default().insert(*role);
        }
        Ok(Some(OpenId { provider: Arc::new(provider), roles, public_url: self.public_url.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_role() {
        let check = |text: &str, expected: Option<(&str, Role)>| {
            let expected = expected.map(|(group, role)| (group.to_owned(), role));
            assert_eq!(role(text).ok(), expected, "{text}");
        };
        check("ops=operate", Some(("ops", Role::Operate)));
        check("cn=ops,ou=groups=read", Some(("cn=ops,ou=groups", Role::Read)));
        check("ops=boss", None);
        check("=read", None);
        check("ops", None);
    }

    #[test]
    fn the_console_has_a_host_of_its_own() {
        let check = |text: &str, is_right| assert_eq!(public_url(text).is_ok(), is_right, "{text}");
        check("https://raccord.example", true);
        check("https://raccord.example:8443/", true);
        check("https://example/raccord", false);
        check("https://example/?a=b", false);
        check("raccord.example", false);
        check("ftp://raccord.example", false);
    }
}
