//! `raccord new authorization`.

use clap::{Args, ValueEnum};
use raccord_model::language::AuthorizationSpec;
use raccord_model::{Key, Kind, Name, Spec};
use serde_json::{Map, Value, json};

use super::{existing, must_be_free, write};
use crate::error::CommandError;
use crate::options::Global;
use crate::ui::Ui;

/// Write an Authorization; the secret itself is never written, only where it is read
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord new authorization boutique --type api-key --header X-Access-Token --env BOUTIQUE_TOKEN\n  \
        raccord new authorization pay --type hmac --env PAY_SECRET --with signed='{timestamp}{body}' --with header=X-Signature\n  \
        raccord new authorization bank --type none --with tls.certificate='${file:client.pem}' --with tls.key='${file:client.key}'"
)]
pub(crate) struct AuthorizationArgs {
    /// Its name
    name: Name,
    /// Which form
    #[arg(long = "type", value_enum)]
    form: Form,
    /// The environment variable that holds the key, token, password or URL when something runs
    #[arg(long, value_name = "VARIABLE")]
    env: Option<String>,
    /// The file that holds it
    #[arg(long, value_name = "PATH", conflicts_with = "env")]
    secret_file: Option<String>,
    /// api-key: the header [default: X-API-Key]
    #[arg(long)]
    header: Option<String>,
    /// basic: the user name
    #[arg(long)]
    username: Option<String>,
    /// Another member of the form, by the path it has in YAML; a secret by its reference, such as '${env:NAME}'
    #[arg(long, value_name = "MEMBER=VALUE")]
    with: Vec<String>,
    #[command(flatten)]
    oauth: OAuthArgs,
}

/// What an OAuth 2.0 server has to be told; --env or --secret-file says where the client's secret is read.
#[derive(Debug, Args)]
struct OAuthArgs {
    /// oauth2: what a token is given for [default: client-credentials]
    #[arg(long, value_enum)]
    grant: Option<GrantForm>,
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

/// The forms of the language, by their names there too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A key in a header.
    #[value(alias = "apiKey")]
    ApiKey,
    /// A bearer token.
    Bearer,
    /// A user name and a password.
    Basic,
    /// Tokens that an OAuth 2.0 server issues.
    #[value(name = "oauth2")]
    OAuth2,
    /// A signature over each request, by OAuth 1.0a.
    #[value(name = "oauth1a", alias = "oauth1")]
    OAuth1,
    /// A signature over parts of each request.
    Hmac,
    /// A signature over each request with keys of Amazon Web Services.
    #[value(name = "aws-sig-v4", alias = "awsSigV4")]
    AwsSigV4,
    /// Access to a database by its URL.
    Database,
    /// Access to S3 or a compatible service.
    S3,
    /// Access to Google Cloud Storage.
    Gcs,
    /// Access to Azure Blob Storage.
    Azure,
    /// Access to a server of SFTP.
    Sftp,
    /// Nothing, or a certificate alone.
    None,
}

impl Form {
    /// What the language calls it, and the member that --env or --secret-file is for.
    const fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::None => ("none", None),
            Self::ApiKey => ("apiKey", Some("value")),
            Self::Bearer => ("bearer", Some("token")),
            Self::Basic => ("basic", Some("password")),
            Self::OAuth2 => ("oauth2", Some("clientSecret")),
            Self::OAuth1 => ("oauth1a", Some("consumerSecret")),
            Self::Hmac => ("hmac", Some("secret")),
            Self::AwsSigV4 => ("awsSigV4", Some("secretAccessKey")),
            Self::Database => ("database", Some("url")),
            Self::S3 => ("s3", Some("secretAccessKey")),
            Self::Gcs => ("gcs", Some("serviceAccount")),
            Self::Azure => ("azure", Some("accessKey")),
            Self::Sftp => ("sftp", Some("password")),
        }
    }
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &AuthorizationArgs) -> Result<(), CommandError> {
    let desired = existing(ui, global)?;
    must_be_free(desired.as_ref(), &Key::new(Kind::Authorization, args.name.clone()))?;
    let resources = vec![(args.name.clone(), Spec::Authorization(spec(args)?))];
    write(ui, global, &format!("authorization-{}", args.name), resources)
}

/// The Authorization that the options say.
fn spec(args: &AuthorizationArgs) -> Result<AuthorizationSpec, CommandError> {
    let (kind, main) = args.form.words();
    let mut members = Map::new();
    members.insert("type".to_owned(), kind.into());
    for option in &args.with {
        let (path, value) = option.split_once('=').ok_or_else(|| {
            CommandError::usage("--with takes MEMBER=VALUE, such as --with region=eu-west-1")
        })?;
        put(&mut members, path, value)?;
    }
    match (secret(args), main) {
        (Some(secret), Some(main)) => {
            members.insert(main.to_owned(), secret.into());
        }
        (Some(_), None) => {
            let message = format!("an Authorization of {kind} has no secret for --env or --secret-file");
            return Err(CommandError::usage(message));
        }
        (None, _) => {}
    }
    let mut only_for = |form: Form, name: &str, option: Option<Value>| match option {
        Some(_) if args.form != form => {
            Err(CommandError::usage(format!("an Authorization of {kind} does not take --{name}")))
        }
        Some(value) => {
            members.insert(name.to_owned(), value);
            Ok(())
        }
        None => Ok(()),
    };
    only_for(Form::ApiKey, "header", args.header.clone().map(Value::from))?;
    only_for(Form::Basic, "username", args.username.clone().map(Value::from))?;
    match args.form {
        Form::ApiKey if !["header", "query", "headers"].iter().any(|name| members.contains_key(*name)) => {
            members.insert("header".to_owned(), "X-API-Key".into());
        }
        Form::Basic => drop(members.entry("username").or_insert_with(|| "".into())),
        Form::OAuth2 => oauth(&args.oauth, &mut members)?,
        _ if args.oauth.is_given() => {
            let message = format!("an Authorization of {kind} does not take the options of oauth2");
            return Err(CommandError::usage(message));
        }
        _ => {}
    }
    // What is wrong is told by the language itself, which shows no value.
    serde_json::from_value(Value::Object(members)).map_err(|error| {
        let error = CommandError::usage(format!("this is no Authorization of {kind}: {error}"));
        match main {
            Some(main) if args.env.is_none() && args.secret_file.is_none() => error.hint(format!(
                "--env or --secret-file says where `{main}` is read, --with the other members; docs/reference/language.md has all"
            )),
            _ => error.hint("--with gives a member; docs/reference/language.md has all of them"),
        }
    })
}

/// Puts a value at a path: `tls.certificate`.
fn put(members: &mut Map<String, Value>, path: &str, value: &str) -> Result<(), CommandError> {
    let Some((name, rest)) = path.split_once('.') else {
        members.insert(path.to_owned(), value.into());
        return Ok(());
    };
    let within = members.entry(name).or_insert_with(|| json!({}));
    let within = within.as_object_mut();
    let within = within
        .ok_or_else(|| CommandError::usage(format!("`{name}` is given as a value and as an object")))?;
    put(within, rest, value)
}

impl OAuthArgs {
    const fn is_given(&self) -> bool {
        self.grant.is_some()
            || self.token_url.is_some()
            || self.person_url.is_some()
            || self.client_id.is_some()
            || !self.scopes.is_empty()
    }
}

fn oauth(args: &OAuthArgs, members: &mut Map<String, Value>) -> Result<(), CommandError> {
    let OAuthArgs { grant, token_url, person_url, client_id, scopes } = args;
    let (grant, page) = match grant {
        // --with may name another one.
        None | Some(GrantForm::ClientCredentials) => ("clientCredentials", None),
        Some(GrantForm::AuthorizationCode) => ("authorizationCode", Some("authorizationUrl")),
        Some(GrantForm::DeviceCode) => ("deviceCode", Some("deviceUrl")),
    };
    members.entry("grant").or_insert_with(|| grant.into());
    for (name, option, member) in [
        ("token-url", token_url, Some("tokenUrl")),
        ("client-id", client_id, Some("clientId")),
        ("person-url", person_url, page),
    ] {
        match (option, member) {
            (Some(value), Some(member)) => {
                members.insert(member.to_owned(), value.as_str().into());
            }
            (Some(_), None) => {
                return Err(CommandError::usage(format!(
                    "an Authorization of {grant} does not take --{name}"
                )));
            }
            (None, Some(member)) if !members.contains_key(member) => {
                return Err(CommandError::usage(format!("an Authorization of oauth2 needs --{name}")));
            }
            (None, _) => {}
        }
    }
    if !scopes.is_empty() {
        members.insert("scopes".to_owned(), scopes.as_slice().into());
    }
    Ok(())
}

/// The reference to the secret that an option names.
fn secret(args: &AuthorizationArgs) -> Option<String> {
    match (&args.env, &args.secret_file) {
        (Some(name), _) => Some(format!("${{env:{name}}}")),
        (None, Some(path)) => Some(format!("${{file:{path}}}")),
        (None, None) => None,
    }
}
