//! `raccord state copy`.

use clap::Args;
use raccord_run::copying::Copied;
use serde::Serialize;

use crate::error::CommandError;
use crate::options::Global;
use crate::owner;
use crate::place::StateAt;
use crate::render::grouped;
use crate::render::table::{ListForm, Table};
use crate::session::{Opening, arm_failpoint, runtime};
use crate::shared;
use crate::ui::Ui;

/// Copy a state from a file into a database, or from a database into a file
///
/// Everything but rows and rejects is copied: generations, facts, runs, deliveries that wait or are remembered, sealed secrets,
/// tokens, sessions, the audit log. Both states are as they were until all of it was read again and found the same; a copy that
/// was interrupted has left nothing, and is begun again.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord state copy .raccord/state.redb postgres://raccord@db.example/raccord\n  \
    raccord state copy postgres://raccord@db.example/raccord .raccord/state.redb"
)]
pub(crate) struct CopyArgs {
    /// The state to copy: a file, or `postgres://…`; nothing else may work on it meanwhile
    from: StateAt,
    /// Where the copy is to be: a file, or `postgres://…`; a state that is there is never replaced
    to: StateAt,
    #[command(flatten)]
    output: ListForm,
}

/// What was copied of a section, for tools.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    section: &'static str,
    items: u64,
    digest: String,
}

/// How many characters of a digest are shown to people.
const SHOWN: usize = 12;

pub(crate) fn copy(ui: Ui, global: &Global, args: &CopyArgs) -> Result<(), CommandError> {
    let CopyArgs { from, to, output } = args;
    if global.server.is_some() {
        return Err(CommandError::usage("a state is copied here, and --server names a daemon elsewhere")
            .hint("leave --server out, and unset RACCORD_SERVER"));
    }
    arm_failpoint()?;
    let copied = runtime()?.block_on(copied(ui, from, to))?;
    let lines: Vec<Line> = copied.iter().map(line).collect();
    let mut table = Table::new(["section", "items", "digest"]);
    for Line { section, items, digest } in &lines {
        let digest = digest.get(..SHOWN).unwrap_or(digest);
        table.row([(*section).to_owned(), grouped(*items), digest.to_owned()]);
    }
    ui.list(&table, *output, &lines)?;
    ui.note(&format!("copied to {to}; {from} is as it was: work on one of the two alone from now on"));
    Ok(())
}

/// What a copy is called where processes are listed.
const VERB: &str = "state copy";

async fn copied(ui: Ui, from: &StateAt, to: &StateAt) -> Result<Vec<Copied>, CommandError> {
    let wrong = || CommandError::usage("a state is copied between a file and a database");
    match (from, to) {
        (StateAt::File(from), StateAt::Shared(to)) => {
            let Some(store) = owner::own(&ui, from, VERB, Opening::Existing).await? else {
                let from = from.display();
                return Err(CommandError::new(format!(
                    "another process has the state {from} and answers for it"
                ))
                .hint("stop `raccord watch` first: a state that is copied must not change"));
            };
            shared::into_database(ui, (from, store), to).await
        }
        (StateAt::Shared(from), StateAt::File(to)) => shared::into_file(ui, (from, VERB), to).await,
        (StateAt::File(_), StateAt::File(_)) => {
            Err(wrong().hint("`raccord state backup FILE` copies a file into another, rows included"))
        }
        (StateAt::Shared(_), StateAt::Shared(_)) => {
            Err(wrong().hint("`pg_dump --schema=raccord_state` copies it from one database into another"))
        }
    }
}

fn line(copied: &Copied) -> Line {
    let digest = copied.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Line { section: copied.section.name(), items: copied.count, digest }
}
