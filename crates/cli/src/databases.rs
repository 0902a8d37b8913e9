//! The destinations of this program: the state, and databases, each opened once and kept for as long as the process lives.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use raccord_connect::{DatabaseParts, DatabaseSecrets, DatabaseServer};
use raccord_model::fact::StorePlace;
use raccord_model::language::authorization::{Database, TlsMode};
use raccord_model::port::Cause;
use raccord_model::port::destination::{DestinationError, Destinations, Rows};
use raccord_model::port::environment::Environment;
use raccord_model::secret::SecretError;
use raccord_postgres::{PostgresDestination, PostgresSettings, Server, SettingsSource, Tls};
use secrecy::ExposeSecret;

/// Where rows are in this program.
pub(crate) struct Databases {
    environment: Arc<dyn Environment>,
    /// The state, where there is one.
    embedded: Option<Rows>,
    open: Mutex<Vec<Open>>,
}

/// A database that was opened, and what as.
struct Open {
    place: StorePlace,
    root: PathBuf,
    rows: Rows,
}

impl Databases {
    /// None is open yet.
    pub(crate) fn new(environment: Arc<dyn Environment>, embedded: Option<Rows>) -> Self {
        Self { environment, embedded, open: Mutex::default() }
    }

    fn postgres(&self, authorization: &Database, (schema, root): (&str, &Path)) -> Rows {
        let secrets = DatabaseSecrets::new(&self.environment, root);
        let (authorization, schema) = (authorization.clone(), schema.to_owned());
        let source = SettingsSource(Arc::new(move || {
            let (secrets, authorization, schema) = (secrets.clone(), authorization.clone(), schema.clone());
            Box::pin(async move { settings(&secrets, &authorization, schema).await.map_err(Cause::from) })
        }));
        Rows::of(&Arc::new(PostgresDestination::new(source, Arc::clone(&self.environment))))
    }
}

/// What a connection is made with. Secrets are read for each, so that one which was changed is taken up.
async fn settings(
    secrets: &DatabaseSecrets,
    authorization: &Database,
    schema: String,
) -> Result<PostgresSettings, SecretError> {
    let server = match secrets.server(authorization).await? {
        DatabaseServer::Url(url) => Server::Url(url),
        DatabaseServer::Parts(DatabaseParts { host, port, database, user, password }) => Server::Parts {
            host: host.expose_secret().to_owned(),
            port,
            database: database.expose_secret().to_owned(),
            user: user.expose_secret().to_owned(),
            password,
        },
    };
    let tls = match authorization.tls.mode {
        TlsMode::Verify => Tls::Verify { authorities: secrets.authorities(authorization) },
        TlsMode::Require => Tls::Require,
        TlsMode::Disable => Tls::Off,
    };
    Ok(PostgresSettings { server, tls, schema })
}

impl Destinations for Databases {
    fn at(&self, place: &StorePlace, root: &Path) -> Result<Rows, DestinationError> {
        let StorePlace::Postgres { authorization, schema } = place else {
            return self.embedded.clone().ok_or(DestinationError::Unsupported("embedded"));
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.iter().find(|known| known.place == *place && known.root == root) {
            return Ok(known.rows.clone());
        }
        let rows = self.postgres(authorization, (schema, root));
        open.push(Open { place: place.clone(), root: root.to_owned(), rows: rows.clone() });
        Ok(rows)
    }
}
