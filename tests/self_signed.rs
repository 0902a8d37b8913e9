//! A certificate authority of a test's own, and what it has signed for `127.0.0.1` and for another name, in files. It knows nothing of
//! Raccord.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// An authority and the directory of its files.
pub struct Authority {
    directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        // A server that runs as another user reads what is in it.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        put(&directory.path().join("ca.pem"), &issuer.pem());
        Self { directory, issuer }
    }

    /// The file with its certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A file beside it that every user can read.
    pub fn beside(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        put(&path, text);
        path
    }

    /// The files with a certificate for a name and with its key, which is that of a user of the system.
    pub fn sign(&self, name: &str, user: Option<u32>) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let at = |ending: &str| self.directory.path().join(format!("{name}.{ending}"));
        write(&at("pem"), &certificate.pem(), user);
        write(&at("key"), &key.serialize_pem(), user);
        (at("pem"), at("key"))
    }
}

fn put(path: &Path, text: &str) {
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn write(path: &Path, text: &str, user: Option<u32>) {
    put(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    if user.is_some() {
        chown(path, user, None).unwrap();
    }
}
