//! Loads the configuration that a command was given, and shows what is wrong with it. It applies nothing.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use raccord_config::{Input, Loaded, Locking, Validated};
use raccord_model::Desired;
use raccord_model::diagnostic::Severity;

use crate::error::CommandError;
use crate::options::Global;
use crate::render;
use crate::ui::Ui;

/// The values of variables that were given.
pub(crate) fn variables(global: &Global) -> BTreeMap<String, String> {
    global.variables.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect()
}

/// Loads the configuration without judging it.
pub(crate) fn load(global: &Global) -> Result<Loaded, CommandError> {
    Ok(raccord_config::load(&input(global)?))
}

/// Looks for everything that is wrong with the configuration.
pub(crate) fn validate(global: &Global) -> Result<Validated, CommandError> {
    Ok(raccord_config::validate(&input(global)?))
}

/// What is to be loaded.
fn input(global: &Global) -> Result<Input, CommandError> {
    let reads_stdin = global.files.iter().any(|path| path.as_os_str() == "-");
    let stdin = if reads_stdin {
        let mut bytes = Vec::new();
        // One byte more than a file may have shows that there is too much; no memory holds an endless one.
        let most = u64::try_from(raccord_config::MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
        io::stdin().take(most).read_to_end(&mut bytes)?;
        Some(bytes)
    } else {
        None
    };
    let (paths, variables) = (global.files.clone(), variables(global));
    // A daemon elsewhere says itself what its state has.
    let shares_state = global.server.is_none() && global.state.file().is_none();
    Ok(Input { paths, stdin, within: None, variables, shares_state })
}

/// What the configuration wants locked, and what is; errors are shown and end the command.
pub(crate) fn locking(ui: &Ui, global: &Global) -> Result<Locking, CommandError> {
    raccord_config::locking(&input(global)?).map_err(|diagnostics| {
        let (shown, _) = render::diagnostic::first(&diagnostics);
        ui.note(&render::diagnostic::text(&shown, ui.has_color()));
        CommandError::new("the configuration cannot be read, so that which connectors it wants is not known")
    })
}

/// Loads the configuration; errors are shown and end the command.
pub(crate) fn desired(ui: &Ui, global: &Global) -> Result<Desired, CommandError> {
    let loaded = load(global)?;
    let errors =
        loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    if !loaded.diagnostics.is_empty() {
        let (shown, more) = render::diagnostic::first(&loaded.diagnostics);
        ui.note(&render::diagnostic::text(&shown, ui.has_color()));
        if more > 0 {
            ui.note(&format!("and {} more; `raccord validate --all` shows them\n", render::grouped(more)));
        }
    }
    loaded
        .desired
        .ok_or_else(|| CommandError::new(format!("the configuration has {}", render::errors(errors))))
}
