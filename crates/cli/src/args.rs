//! The command line: global options and the list of verbs. Each verb's own arguments stand in its file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::command;

/// Where the state is unless said otherwise.
pub(crate) const DEFAULT_STATE: &str = ".raccord/state.redb";

/// The exit code of wrong usage (sysexits.h, `EX_USAGE`).
pub(crate) const USAGE: u8 = 64;

/// Integrations between third-party services and your own data, described in YAML, reviewed like code,
/// reconciled like infrastructure.
#[derive(Debug, Parser)]
#[command(name = "raccord", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Begin with `raccord init`, then `raccord apply` and `raccord run`.\n\
    Exit codes: 0 done or no change, 1 error, 2 changes (with --detailed-exitcode), 64 wrong usage.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl Cli {
    /// What the command line says.
    pub(crate) fn from_command_line() -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let mut cli = Self::from_arg_matches(&matches)?;
        let is_named = matches.value_source("state") == Some(ValueSource::CommandLine);
        cli.global.named_state = is_named.then(|| cli.global.state.clone());
        Ok(cli)
    }
}

/// Under which options of every verb stand in the help.
const GLOBAL: &str = "Options of every verb";

/// What every verb understands.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// A directory or file of YAML; can be repeated, `-` is standard input [default: the current directory]
    #[arg(short = 'f', long = "file", value_name = "PATH", global = true, help_heading = GLOBAL)]
    pub(crate) files: Vec<PathBuf>,
    /// The state file
    #[arg(
        long,
        value_name = "FILE",
        env = "RACCORD_STATE",
        default_value = DEFAULT_STATE,
        global = true, help_heading = GLOBAL
    )]
    pub(crate) state: PathBuf,
    /// The state file, when the command line itself names it.
    #[arg(skip)]
    pub(crate) named_state: Option<PathBuf>,
    /// Ask a daemon at this URL instead of a state here
    #[arg(long, value_name = "URL", env = "RACCORD_SERVER", global = true, help_heading = GLOBAL)]
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

/// A secret on the command line. Its debug form shows nothing.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) SecretString);

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(SecretString::from(text)))
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

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(command::init::InitArgs),
    #[command(subcommand)]
    New(command::new::NewVerb),
    Validate(command::validate::ValidateArgs),
    Plan(command::plan::PlanArgs),
    Apply(command::apply::ApplyArgs),
    Run(command::run::RunArgs),
    Watch(command::watch::WatchArgs),
    Status(command::status::StatusArgs),
    Runs(command::runs::RunsArgs),
    Records(command::records::RecordsArgs),
    Explain(command::explain::ExplainArgs),
    #[command(subcommand)]
    Rejects(command::rejects::RejectsVerb),
    #[command(subcommand)]
    Deliveries(command::deliveries::DeliveriesVerb),
    History(command::history::HistoryArgs),
    Rollback(command::rollback::RollbackArgs),
    Export(command::export::ExportArgs),
    Pause(command::operate::PauseArgs),
    Resume(command::operate::ResumeArgs),
    Approve(command::operate::ApproveArgs),
    Resync(command::operate::ResyncArgs),
    Authorize(command::authorize::AuthorizeArgs),
    #[command(subcommand)]
    Alert(command::alert::AlertVerb),
    #[command(subcommand)]
    Token(command::token::TokenVerb),
    Audit(command::audit::AuditArgs),
    Connectors(command::connectors::ConnectorsArgs),
    #[command(subcommand)]
    Connector(command::connector::ConnectorVerb),
    Check(command::source::CheckArgs),
    Discover(command::source::DiscoverArgs),
    Read(command::source::ReadArgs),
    Preview(command::preview::PreviewArgs),
    Graph(command::graph::GraphArgs),
    Schema(command::schema::SchemaArgs),
    #[command(subcommand)]
    State(command::state::StateVerb),
    Completions(command::completions::CompletionsArgs),
    Man(command::man::ManArgs),
    Reference(command::reference::ReferenceArgs),
}

/// Shows what clap has to say: help and versions are no errors, wrong usage ends with 64.
pub(crate) fn explain(mut error: clap::Error) -> ExitCode {
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && is_configuration(Path::new(word))
    {
        let tip = format!("files and directories are named with -f: `-f {word}`").into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    // A terminal that is gone cannot be told anything.
    let _unheard = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

/// Whether a path leads to YAML: a file by its ending, or a directory.
pub(crate) fn is_configuration(path: &Path) -> bool {
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    is_yaml || path.is_dir()
}
