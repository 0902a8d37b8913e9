//! Reads `${vault:PATH#KEY}` from Vault of `HashiCorp`, or what speaks its protocol: engine KV, version 2. Where it is and who we
//! are stands in the environment of the host, under the names that the program `vault` knows. It writes nothing there.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use raccord_model::secret::VaultRef;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{Environment, Failure, open_file, why_unread, without_line_end};
use crate::answer::read_beginning;
use crate::answer::{BodyError, corrupt, read_body};
use crate::client::builder;
use crate::mask::Masker;
use crate::network::Trouble;

/// How long one question may take altogether.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer: what Vault stores in one entry, and the words around it.
const MAX_ANSWER: u64 = 2 << 20;

/// How much of what it says about an error is shown, in characters.
const MAX_SAID: usize = 200;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Agents and proxies of Vault ask for it, so that no browser is led to them.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// The vault of this host.
#[derive(Default)]
pub(super) struct Vault {
    /// The client for the certificates of `VAULT_CACERT`, by that name.
    client: Mutex<Option<(Option<String>, Client)>>,
}

/// What one question needs.
struct Access {
    address: Url,
    token: SecretString,
    namespace: Option<HeaderValue>,
}

impl Vault {
    /// The entry that a reference means.
    pub(super) async fn read(
        &self,
        reference: &VaultRef,
        environment: &Environment,
    ) -> Result<String, Failure> {
        let access = Access::of(environment)?;
        let client = self.client(environment("VAULT_CACERT").filter(|path| !path.is_empty()))?;
        let mut token = HeaderValue::from_str(access.token.expose_secret())
            .map_err(|_| Failure::unusable("cannot be asked for: the token of Vault is no token"))?;
        token.set_sensitive(true);
        let request = client.get(access.url(reference)).header(TOKEN, token).header(REQUEST, "true");
        let request = match &access.namespace {
            Some(namespace) => request.header(NAMESPACE, namespace),
            None => request,
        };
        let answer = request.send().await.map_err(|error| access.unreachable(error))?;
        let status = answer.status().as_u16();
        match status {
            200 => entry(&access.body(answer).await?, reference),
            404 => Err(missing(&access.body(answer).await?, reference)),
            _ => Err(access.refused(status, answer).await),
        }
    }

    fn client(&self, certificates: Option<String>) -> Result<Client, Failure> {
        let mut known = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = known.as_ref().filter(|(before, _)| *before == certificates) {
            return Ok(client.clone());
        }
        let mut builder = builder().timeout(TIMEOUT);
        if let Some(path) = &certificates {
            let unusable = |why: String| {
                Failure::unusable(format!("cannot be asked for: VAULT_CACERT names `{path}`, which {why}"))
            };
            let mut pem = Vec::new();
            let read = open_file(Path::new(path)).and_then(|mut file| file.read_to_end(&mut pem));
            read.map_err(|error| unusable(why_unread(&error)))?;
            let trusted = Certificate::from_pem_bundle(&pem);
            let trusted = trusted.map_err(|_| unusable("holds no certificates".to_owned()))?;
            builder = builder.tls_certs_only(trusted);
        }
        let client = builder.build();
        let client = client.map_err(|error| Failure::unavailable(Trouble::of(error).plain))?;
        *known = Some((certificates, client.clone()));
        Ok(client)
    }
}

impl Access {
    /// What the environment says of the vault. The token is read anew: what renews it writes it to a file.
    fn of(environment: &Environment) -> Result<Self, Failure> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let address = variable("VAULT_ADDR")
            .ok_or_else(|| Failure::unusable("cannot be asked for: VAULT_ADDR is not set where this runs"))?;
        let address = Url::parse(&address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let mut address = address.ok_or_else(|| {
            Failure::unusable("cannot be asked for: VAULT_ADDR is no URL with http or https")
        })?;
        // They are of no use there, and would be shown in messages.
        let _ = address.set_username("").and_then(|()| address.set_password(None));
        address.set_query(None);
        let namespace = variable("VAULT_NAMESPACE").map(|name| HeaderValue::from_str(&name)).transpose();
        let namespace = namespace
            .map_err(|_| Failure::unusable("cannot be asked for: VAULT_NAMESPACE cannot be sent"))?;
        Ok(Self { address, token: token(&variable)?, namespace })
    }

    fn url(&self, reference: &VaultRef) -> Url {
        let mut url = self.address.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            let mount = reference.mount();
            path.pop_if_empty().push("v1").extend(mount.split('/'));
            path.push("data").extend(reference.secret().split('/'));
        }
        url
    }

    /// The address as it may be shown.
    fn shown(&self) -> &str {
        self.address.as_str().trim_end_matches('/')
    }

    async fn body(&self, answer: Response) -> Result<Value, Failure> {
        let body = read_body(answer, MAX_ANSWER).await.map_err(|error| match error {
            BodyError::TooLarge => Failure::unusable("is in a secret that is larger than 2 MB"),
            BodyError::Broken(error) => self.unreachable(error),
            BodyError::Corrupt(error) => {
                Failure::unavailable(format!("Vault at {} did not answer: {}", self.shown(), corrupt(&error)))
            }
        })?;
        // A proxy that stands in between answers with pages.
        serde_json::from_slice(&body).map_err(|_| {
            Failure::unavailable(format!("{} answered with something else than Vault does", self.shown()))
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let why = if error.is_timeout() {
            format!("nothing complete came within {} s", TIMEOUT.as_secs())
        } else {
            Trouble::of(error).plain
        };
        Failure::unavailable(format!("Vault at {} did not answer: {why}", self.shown()))
    }

    /// What another status than success means.
    async fn refused(&self, status: u16, answer: Response) -> Failure {
        let address = self.shown();
        if (300..400).contains(&status) {
            return Failure::unusable(format!(
                "cannot be asked for: {address} sends us elsewhere, where no token is sent; set VAULT_ADDR to the place itself"
            ));
        }
        let said = self.said(&read_beginning(answer).await);
        match status {
            403 => Failure::unusable(format!(
                "is not for us: Vault at {address} refuses the token or forbids it this path ({said})"
            )),
            503 => Failure::unavailable(format!("Vault at {address} is sealed or not ready ({said})")),
            400..500 if status != 429 => {
                Failure::unusable(format!("cannot be asked for: {address} answered {status} ({said})"))
            }
            _ => Failure::unavailable(format!("Vault at {address} answered {status} ({said})")),
        }
    }

    /// What Vault says of an error; nothing where it is not Vault that says it.
    fn said(&self, body: &[u8]) -> String {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let errors: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
        let mut masker = Masker::default();
        masker.hide(self.token.expose_secret());
        let said = masker.excerpt(errors.join("; ").as_bytes(), MAX_SAID);
        if said.is_empty() { "nothing was said".to_owned() } else { said }
    }
}

/// The token: itself, in a file that an agent renews, or where `vault login` puts it.
fn token(variable: &impl Fn(&str) -> Option<String>) -> Result<SecretString, Failure> {
    let (token, file) = (variable("VAULT_TOKEN"), variable("VAULT_TOKEN_FILE"));
    let path = match (token, file) {
        (Some(_), Some(_)) => {
            let why = "cannot be asked for: VAULT_TOKEN and VAULT_TOKEN_FILE are both set; unset one";
            return Err(Failure::unusable(why));
        }
        (Some(token), None) => return Ok(token.into()),
        (None, Some(file)) => PathBuf::from(file),
        (None, None) => variable("HOME")
            .map(|home| PathBuf::from(home).join(".vault-token"))
            .filter(|path| path.exists())
            .ok_or_else(|| {
                Failure::unusable(
                    "cannot be asked for: neither VAULT_TOKEN nor VAULT_TOKEN_FILE is set where this runs",
                )
            })?,
    };
    let mut text = String::new();
    let read = open_file(&path).and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|error| {
        let (path, why) = (path.display(), why_unread(&error));
        Failure::unusable(format!("cannot be asked for: the token of Vault in {path} {why}"))
    })?;
    Ok(without_line_end(&text).into())
}

/// The entry in an answer.
fn entry(body: &Value, reference: &VaultRef) -> Result<String, Failure> {
    let other = || Failure::unusable("is not in a KV engine of version 2: the answer has another form");
    let secret = body.get("data").and_then(|data| data.get("data")).ok_or_else(other)?;
    match secret.get(reference.key()) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(Failure::unusable("is no text: the entry holds a list, an object or nothing")),
        None => {
            let names = secret.as_object().map_or(0, serde_json::Map::len);
            let entries = if names == 1 { "entry" } else { "entries" };
            Err(Failure::unusable(format!("is not in the secret, which has {names} other {entries}")))
        }
    }
}

/// What a 404 means: the newest version was deleted, or nothing was ever there.
fn missing(body: &Value, reference: &VaultRef) -> Failure {
    let metadata = body.get("data").and_then(|data| data.get("metadata"));
    if metadata.is_some() {
        return Failure::unusable("is deleted: the newest version of the secret is gone");
    }
    let mount = reference.mount();
    Failure::unusable(format!("is not there: no such secret, or `{mount}` is no KV engine of version 2"))
}

#[cfg(test)]
mod tests;
