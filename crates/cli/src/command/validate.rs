//! `raccord validate`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use raccord_model::diagnostic::Severity;

use crate::configuration;
use crate::error::CommandError;
use crate::options::Global;
use crate::render;
use crate::ui::Ui;

/// Report every mistake of the configuration at once, offline
///
/// Reads no secret, no state and no network. The last line says how many mistakes there are.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord validate -f integrations/ --output github")]
pub(crate) struct ValidateArgs {
    /// The form of the report
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// Show all of them as text, not only the first twenty
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For tools.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
}

pub(crate) fn validate(ui: &Ui, global: &Global, args: &ValidateArgs) -> Result<ExitCode, CommandError> {
    let validated = configuration::validate(global)?;
    let count =
        |severity| validated.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match args.output {
        Output::Text => {
            let (shown, more) = if args.all {
                (validated.diagnostics.clone(), 0)
            } else {
                render::diagnostic::first(&validated.diagnostics)
            };
            ui.print(&render::diagnostic::text(&shown, ui.has_color()))?;
            if more > 0 {
                ui.line(&format!("and {} more; --all shows them\n", render::grouped(more)))?;
            }
            let found = match validated.resources {
                Some(resources) => format!("valid: {}", render::count(resources, "resource")),
                None => "not valid".to_owned(),
            };
            let read = format!(
                "{} in {}",
                render::count(validated.documents, "document"),
                render::count(validated.files, "file")
            );
            ui.line(&format!(
                "{found}; {read}; {}, {}",
                render::errors(errors),
                render::count(warnings, "warning")
            ))?;
        }
        Output::Json => ui.json(&validated.diagnostics)?,
        Output::Github => ui.print(&render::diagnostic::github(&validated.diagnostics))?,
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
