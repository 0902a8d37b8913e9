//! `raccord new authorization`.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::{
    ApiKey, Basic, Bearer, ClientAuth, Database, Grant, NoAuthorization, OAuth2, Rotation,
};
use raccord_model::secret::{SecretRef, TextOrSecret};
use raccord_model::{Key, Kind, Name, Spec};

use super::{existing, must_be_free, write};
use crate::error::CommandError;
use crate::options::Global;
use crate::ui::Ui;

/// Write an Authorization; the secret itself is never written, only where it is read
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  raccord new authorization boutique --type api-key --header X-Access-Token --env BOUTIQUE_TOKEN"
)]
pub(crate) struct AuthorizationArgs {
    /// Its name
    name: Name,
    /// Which form
    #[arg(long = "type", value_enum)]
    form: Form,
    /// The environment variable that holds the key, token, password or URL when something runs
    #[arg(long, value_name = "VARIABLE", required_unless_present_any = ["secret_file"])]
    env: Option<String>,
    /// The file that holds it
    #[arg(long, value_name = "PATH", conflicts_with = "env")]
    secret_file: Option<String>,
    /// api-key: the header
    #[arg(long, default_value = "X-API-Key")]
    header: String,
    /// basic: the user name
    #[arg(long, default_value = "")]
    username: String,
    #[command(flatten)]
    oauth: OAuthArgs,
}

/// What an OAuth 2.0 server has to be told; --env or --secret-file says where the client's secret is read.
#[derive(Debug, Args)]
struct OAuthArgs {
    /// oauth2: what a token is given for
    #[arg(long, value_enum, default_value = "client-credentials")]
    grant: GrantForm,
    /// oauth2: the URL that issues tokens
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// oauth2: the page on which a person agrees, or the URL that issues codes for a person to type
    #[arg(long, value_name = "URL")]
    person_url: Option<String>,
    /// oauth2: who we are to the server
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// oauth2: what the token is to allow; can be repeated, or have commas between
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GrantForm {
    /// The client's own secret.
    ClientCredentials,
    /// A person agrees in a browser.
    AuthorizationCode,
    /// A person types a code on another device.
    DeviceCode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A key in a header.
    ApiKey,
    /// A bearer token.
    Bearer,
    /// A user name and a password.
    Basic,
    /// Access to a PostgreSQL database by its URL.
    Database,
    /// Tokens that an OAuth 2.0 server issues.
    #[value(name = "oauth2")]
    OAuth2,
    /// Nothing.
    None,
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &AuthorizationArgs) -> Result<(), CommandError> {
    let desired = existing(ui, global)?;
    must_be_free(desired.as_ref(), &Key::new(Kind::Authorization, args.name.clone()))?;
    let spec = match args.form {
        Form::OAuth2 => AuthorizationSpec::OAuth2(Box::new(oauth(args)?)),
        Form::None => AuthorizationSpec::None(NoAuthorization::default()),
        Form::Database => AuthorizationSpec::Database(Box::new(Database {
            url: Some(secret(args)?),
            ..Database::default()
        })),
        Form::Bearer => AuthorizationSpec::Bearer(Bearer { token: secret(args)?, tls: None }),
        Form::Basic => AuthorizationSpec::Basic(Basic {
            username: TextOrSecret::Text(args.username.clone()),
            password: Some(secret(args)?),
            tls: None,
        }),
        Form::ApiKey => AuthorizationSpec::ApiKey(ApiKey {
            header: Some(args.header.clone()),
            prefix: None,
            query: None,
            value: Some(secret(args)?),
            headers: BTreeMap::new(),
            tls: None,
        }),
    };
    let resources = vec![(args.name.clone(), Spec::Authorization(spec))];
    write(ui, global, &format!("authorization-{}", args.name), resources)
}

fn oauth(args: &AuthorizationArgs) -> Result<OAuth2, CommandError> {
    let given = |option: &Option<String>, name: &str| {
        option
            .clone()
            .ok_or_else(|| CommandError::usage(format!("an Authorization of oauth2 needs --{name}")))
    };
    let OAuthArgs { grant, token_url, person_url, client_id, scopes } = &args.oauth;
    let person = || given(person_url, "person-url").map(Some);
    let (grant, authorization_url, device_url) = match grant {
        GrantForm::ClientCredentials => (Grant::ClientCredentials, None, None),
        GrantForm::AuthorizationCode => (Grant::AuthorizationCode, person()?, None),
        GrantForm::DeviceCode => (Grant::DeviceCode, None, person()?),
    };
    Ok(OAuth2 {
        grant,
        token_url: given(token_url, "token-url")?,
        authorization_url,
        redirect_url: None,
        device_url,
        client_id: TextOrSecret::Text(given(client_id, "client-id")?),
        client_secret: Some(secret(args)?),
        client_auth: ClientAuth::default(),
        refresh_token: None,
        assertion: None,
        scopes: scopes.iter().cloned().collect(),
        parameters: BTreeMap::new(),
        rotation: Rotation::default(),
        header: None,
        prefix: None,
        tls: None,
    })
}

fn secret(args: &AuthorizationArgs) -> Result<SecretRef, CommandError> {
    let text = match (&args.env, &args.secret_file) {
        (Some(name), _) => format!("${{env:{name}}}"),
        (None, Some(path)) => format!("${{file:{path}}}"),
        (None, None) => {
            return Err(CommandError::usage("name where the secret is read: --env or --secret-file"));
        }
    };
    text.parse().map_err(|_| CommandError::usage(format!("`{text}` is not a reference to a secret")))
}
