//! The command line: the list of verbs. What every verb understands stands in `options`, a verb's own arguments in its file.

use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::command;
use crate::feature::long_version;
use crate::options::{Global, USAGE, is_configuration};

/// Integrations between third-party services and your own data, described in YAML, reviewed like code,
/// reconciled like infrastructure.
#[derive(Debug, Parser)]
#[command(name = "raccord", version, long_version = long_version(), max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Begin with `raccord init`, then `raccord apply` and `raccord run`.\n\
    Exit codes: 0 done or no change, 1 error or refused, 2 changes (with --detailed-exitcode), 64 wrong usage.")]
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
        cli.global.named_state = cli.global.state.file().filter(|_| is_named).map(Path::to_owned);
        Ok(cli)
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
