//! `raccord init`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::schema;
use crate::error::CommandError;
use crate::session::write_file;
use crate::ui::Ui;

/// Write a directory that validates, plans, applies and runs
///
/// Existing files are never overwritten.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord init shop && cd shop && raccord apply && raccord run")]
pub(crate) struct InitArgs {
    /// The directory
    #[arg(default_value = ".")]
    directory: PathBuf,
}

/// The files of a new directory.
const FILES: [(&str, &str); 5] = [
    ("raccord.yaml", include_str!("init/raccord.yaml")),
    ("project.yaml", include_str!("init/project.yaml")),
    ("contacts.yaml", include_str!("init/contacts.yaml")),
    ("data/contacts.csv", include_str!("init/contacts.csv")),
    (".gitignore", ".raccord/\n"),
];

pub(crate) fn init(ui: &Ui, args: &InitArgs) -> Result<(), CommandError> {
    let exists = |name: &str| args.directory.join(name).exists();
    if let Some((taken, _)) = FILES.iter().find(|(name, _)| *name != ".gitignore" && exists(name)) {
        let taken = args.directory.join(taken);
        return Err(CommandError::new(format!(
            "{} is there already, and nothing was written",
            taken.display()
        ))
        .hint("name a new directory: `raccord init shop`"));
    }
    for (name, text) in FILES {
        if exists(name) {
            continue;
        }
        let path = args.directory.join(name);
        create_parent(&path)?;
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
        let modeline = if is_yaml { schema::modeline(ui, &args.directory)? } else { String::new() };
        write_file(&path, format!("{modeline}{text}").as_bytes())?;
        ui.line(&format!("wrote {}", path.display()))?;
    }
    let at = if args.directory == Path::new(".") {
        String::new()
    } else {
        format!("cd {} && ", args.directory.display())
    };
    ui.note(&format!("next: {at}raccord apply && raccord run && raccord records crm.contact"));
    Ok(())
}

fn create_parent(path: &Path) -> Result<(), CommandError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(parent)
        .map_err(|error| CommandError::new(format!("create {}: {error}", parent.display())))
}
