//! The cryptography of TLS, which a process chooses once.

use std::sync::Once;

/// Chooses the cryptography of TLS, once a process.
pub(crate) fn install_crypto() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another part of the process may have chosen one before; any will do.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}
