//! PostgreSQL behind the port: what its connections are made with.

use std::path::Path;
use std::sync::Arc;

use raccord_connect::{DatabaseParts, DatabaseSecrets, DatabaseServer};
use raccord_model::language::authorization::{Database, TlsMode};
use raccord_model::port::Cause;
use raccord_model::port::destination::Rows;
use raccord_model::port::environment::Environment;
use raccord_model::secret::SecretError;
use raccord_postgres::{PostgresDestination, PostgresSettings, Server, SettingsSource, Tls};
use secrecy::ExposeSecret;

/// The rows in a schema of a database.
pub(super) fn rows(
    environment: &Arc<dyn Environment>,
    authorization: &Database,
    schema: &str,
    root: &Path,
) -> Rows {
    Rows::of(&Arc::new(destination(environment, authorization, schema, root)))
}

/// A schema of a database. Nothing is connected yet.
pub(super) fn destination(
    environment: &Arc<dyn Environment>,
    authorization: &Database,
    schema: &str,
    root: &Path,
) -> PostgresDestination {
    let secrets = DatabaseSecrets::new(environment, root);
    let (authorization, schema) = (authorization.clone(), schema.to_owned());
    let source = SettingsSource(Arc::new(move || {
        let (secrets, authorization, schema) = (secrets.clone(), authorization.clone(), schema.clone());
        Box::pin(async move { settings(&secrets, &authorization, schema).await.map_err(Cause::from) })
    }));
    PostgresDestination::new(source, Arc::clone(environment))
}

/// What a connection is made with. Secrets are read for each, so that one which was changed is taken up.
pub(crate) async fn settings(
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
