//! Whether a server is the one that is expected, by the key that it shows. Without an expected key there is no connection.

use std::path::PathBuf;

use russh::keys::known_hosts::{check_known_hosts_path, known_host_keys_path};
use russh::keys::{Error as KeyError, HashAlg, PublicKey, PublicKeyOrCertificate};

/// The keys by which a server is known.
#[derive(Debug, Clone)]
pub(super) struct ExpectedKeys {
    pub(super) host: String,
    pub(super) port: u16,
    /// Fingerprints: `SHA256:…`.
    pub(super) fingerprints: Vec<String>,
    pub(super) known_hosts: Option<PathBuf>,
}

impl ExpectedKeys {
    /// Nothing when the key is one of them; else what is wrong, in words.
    pub(super) fn refuse(&self, shown: &PublicKeyOrCertificate) -> Option<String> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Some(format!("{} shows a certificate of a host, which is not read", self.host));
        };
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if self.fingerprints.contains(&fingerprint) {
            return None;
        }
        match self.by_known_hosts(key) {
            Known::Yes => None,
            Known::Changed(where_) => Some(self.changed(&fingerprint, &where_)),
            Known::Unreadable(why) => Some(why),
            Known::No if self.fingerprints.is_empty() => Some(format!(
                "the server {} is not known: it shows the key {fingerprint}; when its operator confirms that it is the \
                 server's, write it under `hostKeys`",
                self.host
            )),
            Known::No => Some(self.changed(&fingerprint, &self.fingerprints.join(", "))),
        }
    }

    fn changed(&self, shown: &str, expected: &str) -> String {
        format!(
            "the server {} shows the key {shown}, and {expected} is expected: it is another server, or one in between, unless \
             its operator confirms that its key was changed",
            self.host
        )
    }

    fn by_known_hosts(&self, key: &PublicKey) -> Known {
        let Some(path) = &self.known_hosts else { return Known::No };
        let unreadable =
            |error: KeyError| Known::Unreadable(format!("{} cannot be read: {error}", path.display()));
        match check_known_hosts_path(&self.host, self.port, key, path) {
            Ok(true) => Known::Yes,
            Ok(false) => match known_host_keys_path(&self.host, self.port, path) {
                Ok(keys) if keys.is_empty() => Known::No,
                Ok(_) => Known::Changed(format!("a key in {}", path.display())),
                Err(error) => unreadable(error),
            },
            Err(KeyError::KeyChanged { line }) => {
                Known::Changed(format!("the key on line {line} of {}", path.display()))
            }
            Err(error) => unreadable(error),
        }
    }
}

/// What a file of known hosts says.
enum Known {
    Yes,
    No,
    Changed(String),
    Unreadable(String),
}
