//! What every verb understands: the options that may stand behind each of them, and their values. It knows no verb.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use crate::place::StateAt;

/// Where the state is unless said otherwise.
pub(crate) const DEFAULT_STATE: &str = ".raccord/state.redb";

/// The exit code of wrong usage (sysexits.h, `EX_USAGE`).
pub(crate) const USAGE: u8 = 64;

/// Under which options of every verb stand in the help.
const GLOBAL: &str = "Options of every verb";

/// What every verb understands.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// A directory or file of YAML; can be repeated, `-` is standard input [default: the current directory]
    #[arg(short = 'f', long = "file", value_name = "PATH", global = true, help_heading = GLOBAL)]
    pub(crate) files: Vec<PathBuf>,
    /// The state: a file, or `postgres://…`, which several machines share
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "RACCORD_STATE",
        hide_env_values = true,
        default_value = DEFAULT_STATE,
        global = true, help_heading = GLOBAL
    )]
    pub(crate) state: StateAt,
    /// The state file, when the command line itself names it.
    #[arg(skip)]
    pub(crate) named_state: Option<PathBuf>,
    /// Ask a daemon at this URL instead of a state here
    #[arg(long, value_name = "URL", env = "RACCORD_SERVER", value_parser = server, global = true, help_heading = GLOBAL)]
    pub(crate) server: Option<String>,
    /// The token for the daemon; better given as `RACCORD_TOKEN`, which no list of processes shows
    #[arg(long, value_name = "TOKEN", env = "RACCORD_TOKEN", hide_env_values = true, global = true, help_heading = GLOBAL)]
    pub(crate) token: Option<Secret>,
    /// Send the token without TLS, also beyond this machine
    #[arg(long, requires = "server", global = true, help_heading = GLOBAL)]
    pub(crate) insecure: bool,
    /// The value of a variable, before that of the Stack; can be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", global = true, help_heading = GLOBAL)]
    pub(crate) variables: Vec<Variable>,
    /// When to use colour
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        global = true, help_heading = GLOBAL,
        hide_possible_values = true
    )]
    pub(crate) color: Color,
    /// Say more of what goes wrong: what libraries tell, on standard error
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) verbose: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,
}

/// The URL of a daemon. An empty variable is mostly one that was to be set: the state here is not what was meant.
fn server(text: &str) -> Result<String, &'static str> {
    let is_empty = text.trim().is_empty();
    if is_empty { Err("write http://HOST:PORT, or unset RACCORD_SERVER") } else { Ok(text.to_owned()) }
}

/// A secret on the command line. Its debug form shows nothing.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) SecretString);

impl FromStr for Secret {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Err("it is empty") } else { Ok(Self(SecretString::from(text))) }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a secret")
    }
}

/// The form of an answer that is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For tools.
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `NAME=VALUE`.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Variable {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if raccord_model::secret::is_variable_name(name) => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("write it as NAME=VALUE".to_owned()),
        }
    }
}

/// Whether a path leads to YAML: a file by its ending, or a directory.
pub(crate) fn is_configuration(path: &Path) -> bool {
    let is_yaml = path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    });
    is_yaml || path.is_dir()
}
