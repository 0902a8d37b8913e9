//! What the connections of a shared state are made with, from its URL and the environment. Passwords are read for each
//! connection, so that one which was changed is taken up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use raccord_model::port::Cause;
use raccord_model::port::environment::Environment;
use raccord_postgres::{OpenStateError, PostgresSettings, PostgresState, Server, SettingsSource, Tls};
use secrecy::SecretString;
use url::Url;

use crate::error::CommandError;
use crate::opening::Opening;
use crate::place::SharedPlace;

/// Where a password may stand instead of in the URL.
const PASSWORD: &str = "RACCORD_STATE_PASSWORD";
const PASSWORD_FILE: &str = "RACCORD_STATE_PASSWORD_FILE";

/// Why no settings can be made.
#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error("the URL of the state is not one such as `postgres://user@host:5432/database`")]
    Url,
    #[error("`sslmode={0}` is not known: verify-full, require and disable are")]
    Mode(String),
    #[error("`{0}` has no meaning in the URL of a state: sslmode and sslrootcert have")]
    Parameter(String),
    #[error("read {PASSWORD_FILE}, {}", .0.display())]
    PasswordFile(PathBuf, #[source] std::io::Error),
}

/// Opens the state in a database; nothing when there is none and none is to be begun.
pub(crate) async fn open(
    place: &SharedPlace,
    environment: &Arc<dyn Environment>,
    opening: Opening,
) -> Result<Option<PostgresState>, CommandError> {
    let source = source(place, environment)?;
    let environment = Arc::clone(environment);
    let opened = match opening {
        Opening::Create => PostgresState::open(source, environment).await,
        Opening::Existing | Opening::Imagine => PostgresState::open_existing(source, environment).await,
    };
    match opened {
        Ok(state) => Ok(Some(state)),
        Err(OpenStateError::Missing) if opening == Opening::Imagine => Ok(None),
        Err(error @ OpenStateError::Missing) => Err(CommandError::of(&error)
            .hint(format!("`raccord apply` begins one; --state names another place than {place}"))),
        Err(error) => Err(CommandError::of(&error).hint(format!("the state is at {place}"))),
    }
}

/// Where the settings of connections come from.
pub(crate) fn source(
    place: &SharedPlace,
    environment: &Arc<dyn Environment>,
) -> Result<SettingsSource, CommandError> {
    // What is wrong with the settings is told as it is, and not as a trouble of the database.
    settings(place, &**environment).map_err(|error| CommandError::of(&error))?;
    let (place, environment) = (place.clone(), Arc::clone(environment));
    Ok(SettingsSource(Arc::new(move || {
        let settings = settings(&place, &*environment).map_err(Cause::from);
        Box::pin(std::future::ready(settings))
    })))
}

fn settings(place: &SharedPlace, environment: &dyn Environment) -> Result<PostgresSettings, SettingsError> {
    let mut url = place.url().ok_or(SettingsError::Url)?;
    let tls = tls(&mut url)?;
    if url.password().is_none()
        && let Some(password) = password(environment)?
    {
        url.set_password(Some(&password)).map_err(|()| SettingsError::Url)?;
    }
    let server = Server::Url(SecretString::from(String::from(url)));
    // The state has a schema of its own, whatever the settings say of tables.
    Ok(PostgresSettings { server, tls, schema: "raccord_state".to_owned() })
}

/// Takes what a URL says of encryption out of it.
fn tls(url: &mut Url) -> Result<Tls, SettingsError> {
    let mut authorities = None;
    let mut mode = None;
    for (name, value) in url.query_pairs() {
        match &*name {
            "sslmode" => mode = Some(value.into_owned()),
            "sslrootcert" => authorities = Some(Path::new(&*value).to_owned()),
            other => return Err(SettingsError::Parameter(other.to_owned())),
        }
    }
    url.set_query(None);
    match mode.as_deref() {
        None | Some("verify-full") => Ok(Tls::Verify { authorities }),
        Some("require") => Ok(Tls::Require),
        Some("disable") => Ok(Tls::Off),
        Some(other) => Err(SettingsError::Mode(other.to_owned())),
    }
}

fn password(environment: &dyn Environment) -> Result<Option<String>, SettingsError> {
    if let Some(path) = environment.variable(PASSWORD_FILE) {
        let path = PathBuf::from(path);
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| SettingsError::PasswordFile(path, error))?;
        return Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()));
    }
    Ok(environment.variable(PASSWORD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::StateAt;
    use raccord_connect::System;

    #[test]
    fn a_url_says_how_the_connection_is_encrypted() {
        let verify = |path: Option<&str>| Ok(Tls::Verify { authorities: path.map(PathBuf::from) });
        let wrong = |text: &str| Err(text.to_owned());
        for (query, expected) in [
            ("", verify(None)),
            ("?sslmode=verify-full&sslrootcert=/etc/ca.pem", verify(Some("/etc/ca.pem"))),
            ("?sslmode=require", Ok(Tls::Require)),
            ("?sslmode=disable", Ok(Tls::Off)),
            ("?sslmode=prefer", wrong("`sslmode=prefer` is not known")),
            ("?schema=x", wrong("`schema` has no meaning")),
        ] {
            let state = format!("postgres://me@db/r{query}").parse().unwrap();
            let StateAt::Shared(place) = state else { panic!("{query}") };
            let found = settings(&place, &System::default()).map(|settings| settings.tls);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
                (Err(error), Err(text)) => assert!(error.to_string().starts_with(&text), "{error}"),
                (found, expected) => panic!("{query}: {found:?}, not {expected:?}"),
            }
        }
    }
}
