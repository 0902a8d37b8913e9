//! `raccord history`.

use clap::Args;
use raccord_serve::{Reply, Request};

use crate::error::CommandError;
use crate::options::Global;
use crate::render::instant;
use crate::render::table::{ListForm, Table};
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// How many digits of a commit are enough for people.
const SHORT_COMMIT: usize = 10;

/// List the generations, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord history --limit 5")]
pub(crate) struct HistoryArgs {
    /// At most so many [default: 20 as text, all of them otherwise]
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    output: ListForm,
}

pub(crate) fn history(ui: &Ui, global: &Global, args: &HistoryArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "history", Opening::Existing)?;
    let generations = session.collect(
        Request::History { limit: args.output.limit(args.limit), before: None },
        |reply| match reply {
            Reply::Generation(generation) => Some(generation),
            _ => None,
        },
    )?;
    let mut table = Table::new(["generation", "at", "by", "changes", ""]);
    for generation in &generations {
        let mut glyphs: Vec<String> = Vec::new();
        for change in generation.changes.iter().take(4) {
            glyphs.push(format!("{} {}", change.action.glyph(), change.key));
        }
        if generation.changes.len() > glyphs.len() {
            glyphs.push("…".to_owned());
        }
        let commit = generation.commit.as_deref().and_then(|commit| commit.get(..SHORT_COMMIT));
        let commit = commit.map(|commit| format!("[{commit}] ")).unwrap_or_default();
        let back = generation.rollback_to.map(|to| format!("back to {to}: ")).unwrap_or_default();
        table.row([
            generation.number.to_string(),
            instant(generation.at),
            generation.by.clone(),
            generation.changes.len().to_string(),
            format!("{commit}{back}{}", glyphs.join(", ")),
        ]);
    }
    ui.list(&table, args.output, &generations)
}
