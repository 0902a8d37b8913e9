//! `tls` of an authorization in use: the certificate that we show and the authorities that we trust, read when a reading
//! begins. It sends nothing, and no message holds anything of a key.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::ClientTls;
use raccord_model::port::source::SourceError;
use raccord_model::secret::SecretRef;
use reqwest::{Certificate, Client, ClientBuilder, Identity};
use secrecy::{ExposeSecret, SecretString};

use crate::network::Trouble;
use crate::secret::{SecretReader, open_file, unusable, why_unread};

/// What a client is made of, beside its limits.
#[derive(Clone)]
struct Material {
    /// Tells whether something has changed.
    digest: [u8; 32],
    identity: Option<Identity>,
    trusted: Option<Vec<Certificate>>,
}

/// The connections of an authorization.
pub(crate) struct TlsConnections {
    tls: Option<ClientTls>,
    secrets: SecretReader,
    /// The clients that were made last, by what they are for.
    made: Mutex<BTreeMap<&'static str, ([u8; 32], Client)>>,
}

impl fmt::Debug for TlsConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnections").field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl TlsConnections {
    /// Reads nothing yet.
    pub(crate) fn of(authorization: Option<&AuthorizationSpec>, secrets: &SecretReader) -> Self {
        Self::with(authorization.and_then(AuthorizationSpec::tls), secrets)
    }

    /// The same for one that is known.
    pub(crate) fn with(tls: Option<&ClientTls>, secrets: &SecretReader) -> Self {
        Self { tls: tls.cloned(), secrets: secrets.clone(), made: Mutex::default() }
    }

    /// The client that shows our certificate, made by `builder` with what the files hold now; none where connections are
    /// like all others. The one that was made before for this purpose is given again while nothing has changed.
    pub(crate) async fn client(
        &self,
        purpose: &'static str,
        builder: impl FnOnce() -> ClientBuilder,
    ) -> Result<Option<Client>, SourceError> {
        let Some(material) = self.read().await? else { return Ok(None) };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.get(purpose).filter(|(digest, _)| *digest == material.digest) {
            return Ok(Some(client.clone()));
        }
        let (digest, client) = (material.digest, self.build(material, builder())?);
        made.insert(purpose, (digest, client.clone()));
        Ok(Some(client))
    }

    fn build(&self, material: Material, mut builder: ClientBuilder) -> Result<Client, SourceError> {
        if let Some(trusted) = material.trusted {
            builder = builder.tls_certs_only(trusted);
        }
        if let Some(identity) = material.identity {
            builder = builder.identity(identity);
        }
        builder.build().map_err(|error| {
            let chain = Trouble::of(error).chain;
            let key = self.tls.as_ref().and_then(|tls| tls.key.as_ref());
            match key {
                Some(key)
                    if chain.contains("keys may not be consistent") || chain.contains("KeyMismatch") =>
                {
                    unusable(key, "is not the key of the certificate beside it").into()
                }
                Some(key) => {
                    unusable(key, &format!("makes no connection with its certificate: {chain}")).into()
                }
                None => SourceError::Settings { place: "tls".to_owned(), message: chain },
            }
        })
    }

    async fn read(&self) -> Result<Option<Material>, SourceError> {
        let Some(tls) = &self.tls else { return Ok(None) };
        let mut hasher = blake3::Hasher::new();
        let identity = match (&tls.certificate, &tls.key) {
            (Some(certificate), Some(key)) => {
                Some(identity((certificate, key), &self.secrets, &mut hasher).await?)
            }
            _ => None,
        };
        let trusted = match &tls.ca {
            Some(path) => Some(trusted(path, &self.secrets, &mut hasher)?),
            None => None,
        };
        Ok(Some(Material { digest: hasher.finalize().into(), identity, trusted }))
    }
}

async fn identity(
    (certificate, key): (&SecretRef, &SecretRef),
    secrets: &SecretReader,
    hasher: &mut blake3::Hasher,
) -> Result<Identity, SourceError> {
    let shown = secrets.read(certificate).await?;
    let secret = secrets.read(key).await?;
    let certificates = Certificate::from_pem_bundle(shown.expose_secret().as_bytes());
    if certificates.map_or(true, |certificates| certificates.is_empty()) {
        return Err(unusable(certificate, "holds no certificate in PEM").into());
    }
    let text = secret.expose_secret();
    if text.contains("ENCRYPTED") {
        return Err(
            unusable(key, "is encrypted; store it without a passphrase, where only we can read it").into()
        );
    }
    let both = SecretString::from(format!("{}\n{text}\n", shown.expose_secret()));
    hasher.update(both.expose_secret().as_bytes());
    let identity = Identity::from_pem(both.expose_secret().as_bytes());
    Ok(identity.map_err(|_| unusable(key, "is no private key in PEM"))?)
}

fn trusted(
    path: &str,
    secrets: &SecretReader,
    hasher: &mut blake3::Hasher,
) -> Result<Vec<Certificate>, SourceError> {
    let wrong = |why: String| SourceError::Settings { place: "tls.ca".to_owned(), message: why };
    let mut bytes = Vec::new();
    let read = open_file(&secrets.path(path)).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| wrong(format!("`{path}` {}", why_unread(&error))))?;
    hasher.update(&[0]).update(&bytes);
    let trusted = Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if trusted.is_empty() {
        return Err(wrong(format!("`{path}` holds no certificate in PEM")));
    }
    Ok(trusted)
}
