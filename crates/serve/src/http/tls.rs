//! The certificate and its key: read from files, and read again when the files change.
//!
//! A renewed certificate serves new connections without a restart. One that cannot be used is told, and the last good
//! one stays. No message says what a key holds.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{CERTIFICATE_INTERVAL, ServeError};

/// The files of a certificate and its key.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
}

/// What the files held.
type Texts = (Vec<u8>, Vec<u8>);

impl Certificate {
    /// The files.
    pub(super) const fn new(chain: PathBuf, key: PathBuf) -> Self {
        Self { chain, key }
    }

    /// Reads the files for the first time.
    pub(super) async fn load(self) -> Result<LoadedCertificate, ServeError> {
        let texts = self.read().await?;
        let config = RustlsConfig::from_config(self.configure(&texts)?);
        Ok(LoadedCertificate { certificate: self, config, texts })
    }

    async fn read(&self) -> Result<Texts, ServeError> {
        let read = async |path: &Path| {
            tokio::fs::read(path).await.map_err(|error: io::Error| unusable(path, &error.to_string()))
        };
        Ok((read(&self.chain).await?, read(&self.key).await?))
    }

    fn configure(&self, (chain, key): &Texts) -> Result<Arc<ServerConfig>, ServeError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| unusable(&self.chain, "it is no certificate in PEM form"))?;
        if certificates.is_empty() {
            return Err(unusable(&self.chain, "it holds no certificate"));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| unusable(&self.key, "it is no private key in PEM form"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| unusable(&self.chain, &error.to_string()))?;
        let config = builder.with_no_client_auth().with_single_cert(certificates, key);
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                unusable(&self.key, &format!("it is not the key of {}", self.chain.display()))
            }
            error => unusable(&self.chain, &error.to_string()),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// A certificate in use.
pub(super) struct LoadedCertificate {
    certificate: Certificate,
    config: RustlsConfig,
    texts: Texts,
}

impl LoadedCertificate {
    /// What connections are made with; it changes when the files do.
    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Reads the files again and again, and takes what has changed.
    pub(super) async fn follow(self) {
        let Self { certificate, config, texts: mut known } = self;
        let mut interval = tokio::time::interval(CERTIFICATE_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let texts = match certificate.read().await {
                Ok(texts) if texts == known => continue,
                Ok(texts) => texts,
                Err(error) => {
                    tracing::warn!(%error, "the certificate cannot be read again; the last one stays");
                    continue;
                }
            };
            match certificate.configure(&texts) {
                Ok(server) => {
                    config.reload_from_config(server);
                    tracing::info!("the certificate has changed and is in use");
                }
                Err(error) => {
                    tracing::warn!(%error, "the certificate has changed and is no use; the last one stays");
                }
            }
            // What is of no use is told once.
            known = texts;
        }
    }
}

fn unusable(path: &Path, problem: &str) -> ServeError {
    ServeError::Certificate { path: path.to_owned(), problem: problem.to_owned() }
}
