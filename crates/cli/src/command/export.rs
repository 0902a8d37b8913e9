//! `raccord export`.

use clap::{Args, ValueEnum};
use raccord_serve::{Reply, Request};

use crate::error::CommandError;
use crate::options::Global;
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// Print the applied configuration as YAML that plans to nothing
///
/// Paths of files are relative to the directory that was applied: save the YAML there.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord export > everything.yaml")]
pub(crate) struct ExportArgs {
    /// An earlier generation
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
    /// The form
    #[arg(long, value_enum, default_value = "yaml")]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// The language itself.
    Yaml,
    /// The canonical form, with digests.
    Json,
}

pub(crate) fn export(ui: &Ui, global: &Global, args: &ExportArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "export", Opening::Existing)?;
    let desired = session.one(Request::Generation { number: args.generation }, |reply| match reply {
        Reply::Desired(desired) => Some(*desired),
        _ => None,
    })?;
    match args.output {
        Output::Yaml => ui.data(&raccord_config::to_yaml(&desired))?,
        Output::Json => ui.json(&desired)?,
    }
    Ok(())
}
