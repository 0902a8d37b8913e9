//! `raccord new authorization`.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::{ApiKey, Basic, Bearer, NoAuthorization};
use raccord_model::secret::{SecretRef, TextOrSecret};
use raccord_model::{Key, Kind, Name, Spec};

use super::{existing, must_be_free, write};
use crate::args::Global;
use crate::error::CommandError;
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
    /// The environment variable that holds the key, token or password when something runs
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A key in a header.
    ApiKey,
    /// A bearer token.
    Bearer,
    /// A user name and a password.
    Basic,
    /// Nothing.
    None,
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &AuthorizationArgs) -> Result<(), CommandError> {
    let desired = existing(ui, global)?;
    must_be_free(desired.as_ref(), &Key::new(Kind::Authorization, args.name.clone()))?;
    let spec = match args.form {
        Form::None => AuthorizationSpec::None(NoAuthorization {}),
        Form::Bearer => AuthorizationSpec::Bearer(Bearer { token: secret(args)? }),
        Form::Basic => AuthorizationSpec::Basic(Basic {
            username: TextOrSecret::Text(args.username.clone()),
            password: Some(secret(args)?),
        }),
        Form::ApiKey => AuthorizationSpec::ApiKey(ApiKey {
            header: Some(args.header.clone()),
            prefix: None,
            query: None,
            value: Some(secret(args)?),
            headers: BTreeMap::new(),
        }),
    };
    let resources = vec![(args.name.clone(), Spec::Authorization(spec))];
    write(ui, global, &format!("authorization-{}", args.name), resources)
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
