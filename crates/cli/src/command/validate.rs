//! `raccord validate`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use raccord_model::diagnostic::Severity;

use crate::args::Global;
use crate::error::CommandError;
use crate::render;
use crate::session;
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
    let loaded = session::load(global)?;
    let count =
        |severity| loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match args.output {
        Output::Text => {
            let (shown, more) = if args.all {
                (loaded.diagnostics.clone(), 0)
            } else {
                render::diagnostic::first(&loaded.diagnostics)
            };
            ui.print(&render::diagnostic::text(&shown, ui.has_color()))?;
            if more > 0 {
                ui.line(&format!("and {} more; --all shows them\n", render::grouped(more)))?;
            }
            let resources = loaded.desired.as_ref().map(|desired| desired.resources.len());
            let found = match resources {
                Some(resources) => format!("valid: {}", render::count(resources, "resource")),
                None => "not valid".to_owned(),
            };
            let read = format!(
                "{} in {}",
                render::count(loaded.documents, "document"),
                render::count(loaded.files, "file")
            );
            ui.line(&format!(
                "{found}; {read}; {}, {}",
                render::errors(errors),
                render::count(warnings, "warning")
            ))?;
        }
        Output::Json => ui.json(&loaded.diagnostics)?,
        Output::Github => ui.print(&render::diagnostic::github(&loaded.diagnostics))?,
    }
    // The process ends now, and gives all its memory back at once.
    std::mem::forget(loaded);
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
