//! Whether the YAML at hand is what is applied. Runs execute what was applied, so that a change which was only saved
//! has no effect: `run` and `status` say so. Looks and tells; what cannot be compared is passed over.

use std::path::Path;
use std::sync::Arc;

use raccord_model::diagnostic::{Code, Severity};
use raccord_serve::plan::{Note, Options};

use crate::command::plan;
use crate::configuration;
use crate::options::{DEFAULT_STATE, Global};
use crate::render;
use crate::session::Session;

/// What has no effect on runs, or none yet.
pub(crate) fn notes(global: &Global, session: &Session) -> Vec<String> {
    let variables =
        "--var changes nothing here: what was applied runs, with the values that it was applied with";
    let given = (!global.variables.is_empty()).then(|| variables.to_owned());
    given.into_iter().chain(difference(global, session)).collect()
}

/// How the YAML, or where it lies, differs from what is applied; nothing when it does not, or belongs to something else.
pub(crate) fn difference(global: &Global, session: &Session) -> Vec<String> {
    // A directory that was not named counts only when the state lies in it: any other may be the whole machine.
    let is_at_hand = !global.files.is_empty() || global.state.file() == Some(Path::new(DEFAULT_STATE));
    if global.server.is_some() || !is_at_hand {
        return Vec::new();
    }
    let Some(loaded) = configuration::load(global).ok().filter(|loaded| loaded.documents > 0) else {
        return Vec::new();
    };
    let Some(desired) = loaded.desired else {
        let errors = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        // Variables are given where it is applied, and may be unset here.
        let errors = errors.filter(|found| found.code != Code::UnsetVariable).count();
        if errors == 0 {
            return Vec::new();
        }
        let errors = render::errors(errors);
        return vec![format!(
            "the YAML has {errors} and is not what is applied; `raccord validate` shows them"
        )];
    };
    let options = Options { brief: true, ..Options::default() };
    let Ok(plan) = plan::ask(session, &Arc::new(desired), &options) else { return Vec::new() };
    let generation = plan.generation;
    let moved = plan.notes.iter().find_map(|note| match note {
        Note::RootMoves { from, to } => Some(format!(
            "files are read below {from}, where generation {generation} was applied, and not below {to}: \
             `raccord apply` changes that"
        )),
        _ => None,
    });
    let changed = (!plan.is_empty()).then(|| {
        let changes = render::count(plan.changes.len(), "change");
        format!(
            "the YAML differs from the applied generation {generation} by {changes}: `raccord plan` shows them, \
             `raccord apply` puts them in force"
        )
    });
    moved.into_iter().chain(changed).collect()
}
