//! TLS to a server whose certificate an authority of the test has signed: verified, refused for its name or its authority, and required
//! of a server that has none.

use std::net::TcpListener;
use std::path::PathBuf;

use raccord_mysql::{MysqlSettings, Server, SettingsSource, Tls, tables};

use crate::mariadb_server::MariadbServer;
use crate::self_signed::Authority;

/// A server on a port of its own, and a user who comes by the network.
struct Networked {
    port: u16,
    _server: MariadbServer,
}

impl Networked {
    /// One with further arguments; with TLS the user may not come without it.
    fn start(arguments: &[String], user: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut all = vec!["--bind-address=127.0.0.1".to_owned(), format!("--port={port}")];
        all.extend_from_slice(arguments);
        let server = MariadbServer::start_with(&all);
        server.sql("mysql", "CREATE DATABASE shop");
        server.sql("mysql", &format!("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'secret' {user}"));
        server.sql("mysql", "GRANT SELECT ON shop.* TO reader@'127.0.0.1'");
        Self { port, _server: server }
    }

    /// One that shows a certificate for a name.
    fn shows(authority: &Authority, name: &str) -> Self {
        let (certificate, key) = authority.sign(name, None);
        let arguments =
            [format!("--ssl-cert={}", certificate.display()), format!("--ssl-key={}", key.display())];
        Self::start(&arguments, "REQUIRE SSL")
    }

    /// What becomes of an attempt to connect: nothing when it succeeds, and all that is said otherwise.
    fn attempt(&self, tls: Tls) -> Option<String> {
        let server = Server::Parts {
            host: "127.0.0.1".to_owned(),
            port: Some(self.port),
            database: "shop".to_owned(),
            user: "reader".to_owned(),
            password: Some("secret".into()),
        };
        let settings = SettingsSource::fixed(MysqlSettings { server, tls });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tables(&settings)).err().map(|error| error.in_words())
    }
}

fn verify(authority: PathBuf) -> Tls {
    Tls::Verify { authorities: Some(authority) }
}

#[test]
fn a_server_proves_who_it_is() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = Networked::shows(&authority, "127.0.0.1");
    assert_eq!(good.attempt(verify(authority.file())), None);
    assert_eq!(good.attempt(Tls::Require), None);
    for (tls, expected) in
        [(verify(other.file()), "certificate"), (Tls::Off, "refuses us: the user, or the password")]
    {
        let told = good.attempt(tls.clone()).unwrap();
        assert!(told.contains(expected), "{tls:?}: {told}");
    }
    let elsewhere = Networked::shows(&authority, "elsewhere.example");
    let told = elsewhere.attempt(verify(authority.file())).unwrap();
    assert!(told.contains("certificate"), "{told}");
    // Whose certificate it is counts only where it is to be verified.
    assert_eq!(elsewhere.attempt(Tls::Require), None);
}

#[test]
fn a_server_without_encryption_is_refused_where_it_is_required() {
    let authority = Authority::new();
    let plain = Networked::start(&["--skip-ssl".to_owned()], "");
    for tls in [verify(authority.file()), Tls::Require] {
        let told = plain.attempt(tls.clone()).unwrap();
        assert!(told.to_lowercase().contains("ssl"), "{tls:?}: {told}");
    }
    assert_eq!(plain.attempt(Tls::Off), None);
}
