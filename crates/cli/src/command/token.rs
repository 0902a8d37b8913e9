//! `raccord token`: who may use the HTTP API.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use raccord_model::Name;
use raccord_model::duration::Seconds;
use raccord_model::fact::Role;
use raccord_model::port::environment::Environment as _;
use raccord_serve::request::NewToken;
use raccord_serve::{Reply, Request};

use crate::error::CommandError;
use crate::options::Global;
use crate::render::instant;
use crate::render::table::{ListForm, Table};
use crate::session::{Opening, Session, system};
use crate::ui::Ui;

/// Make, list and revoke the tokens of the HTTP API
///
/// On the machine of the state alone: a token cannot be used to make another one.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Make a token, and print it this once
///
/// Only its hash is kept. The role apply includes plan, plan and operate include read, and read includes metrics; operate is for pausing,
/// resuming, approving, running, and looking at sources.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord token create ci-main --role apply --expires 90d\n  \
    raccord token create prometheus --role metrics")]
pub(crate) struct CreateArgs {
    /// What generations and the audit log call the one who uses it
    name: Name,
    /// What it allows: read, plan, apply or operate; can be repeated, or have commas between
    #[arg(
        long = "role",
        value_name = "ROLE",
        required = true,
        value_delimiter = ',',
        hide_possible_values = true,
        value_parser = roles()
    )]
    roles: Vec<Role>,
    /// For how long (90d) [default: until it is revoked]
    #[arg(long, value_name = "TIME")]
    expires: Option<Seconds>,
}

/// The roles, known to completions.
fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str)).try_map(|text| text.parse::<Role>())
}

/// List the tokens, without their texts
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord token list")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    output: ListForm,
}

/// Take a token away; it is refused from now on
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord token revoke ci-main")]
pub(crate) struct RevokeArgs {
    /// Which
    name: Name,
}

pub(crate) fn token(ui: &Ui, global: &Global, verb: &TokenVerb) -> Result<(), CommandError> {
    match verb {
        TokenVerb::Create(args) => create(ui, global, args),
        TokenVerb::List(args) => list(ui, global, args),
        TokenVerb::Revoke(args) => revoke(ui, global, args),
    }
}

fn create(ui: &Ui, global: &Global, args: &CreateArgs) -> Result<(), CommandError> {
    let expires = match args.expires {
        Some(length) => {
            let length = SignedDuration::from_secs(length.signed());
            let expires = system()?.now().checked_add(length);
            Some(expires.map_err(|_| CommandError::usage("--expires is beyond all calendars"))?)
        }
        None => None,
    };
    let session = Session::open(global, "token", Opening::Create)?;
    let request = Request::CreateToken {
        name: args.name.clone(),
        roles: args.roles.iter().copied().collect(),
        expires,
    };
    let NewToken { token, view } = session.one(request, |reply| match reply {
        Reply::NewToken(new) => Some(new),
        _ => None,
    })?;
    ui.line(token.expose())?;
    let until = view.expires.map_or_else(|| "it is revoked".to_owned(), |expires| expires.to_string());
    ui.note(&format!("this is the token `{}`, good until {until}; it is not shown again", view.name));
    Ok(())
}

fn list(ui: &Ui, global: &Global, args: &ListArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "token", Opening::Existing)?;
    let tokens = session.collect(Request::Tokens, |reply| match reply {
        Reply::Token(token) => Some(token),
        _ => None,
    })?;
    let mut table = Table::new(["name", "roles", "created", "expires", "last used"]);
    let never = || "never".to_owned();
    for token in &tokens {
        let roles: Vec<&str> = token.roles.iter().map(|role| role.as_str()).collect();
        table.row([
            token.name.to_string(),
            roles.join(", "),
            instant(token.created),
            token.expires.map_or_else(never, instant),
            token.used.map_or_else(never, instant),
        ]);
    }
    ui.list(&table, args.output, &tokens)
}

fn revoke(ui: &Ui, global: &Global, args: &RevokeArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "token", Opening::Existing)?;
    session.ask(Request::RevokeToken { name: args.name.clone() }, |reply| match reply {
        Reply::Done(said) => Ok(ui.line(&said)?),
        _ => Ok(()),
    })
}
