//! `raccord status`.

use clap::Args;
use raccord_model::foreign::line;
use raccord_model::port::authorization::{Agreement, Standing};
use raccord_serve::request::{DaemonStatus, IntegrationState, IntegrationStatus, Status, TransferStatus};
use raccord_serve::{Reply, Request};

use crate::command::drift;
use crate::error::CommandError;
use crate::options::{Global, Output};
use crate::place::StateAt;
use crate::render;
use crate::render::table::Table;
use crate::session::{self, Opening, Session};
use crate::shared;
use crate::style::{BOLD, DIM, GREEN, RED, YELLOW};
use crate::ui::Ui;

/// Show how integrations and transfers stand: what the YAML wants, and what happened
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord status --output json")]
pub(crate) struct StatusArgs {
    /// The form
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// Show the processes that work on a shared state instead
    #[arg(long, conflicts_with = "output")]
    daemons: bool,
}

pub(crate) fn status(ui: &Ui, global: &Global, args: &StatusArgs) -> Result<(), CommandError> {
    if args.daemons {
        return daemons(ui, global);
    }
    let session = Session::open(global, "status", Opening::Existing)?;
    let mut status = session.one(Request::Status, |reply| match reply {
        Reply::Status(status) => Some(*status),
        _ => None,
    })?;
    // A daemon says itself what waits.
    if status.daemon.is_none() {
        status.notes.extend(drift::notes(global, &session));
    }
    match args.output {
        Output::Text => ui.print(&text(&status, ui.width()))?,
        Output::Json => ui.json(&status)?,
    }
    Ok(())
}

/// Who works on a shared state.
fn daemons(ui: &Ui, global: &Global) -> Result<(), CommandError> {
    let StateAt::Shared(place) = &global.state else {
        return Err(CommandError::usage(
            "--daemons shows who works on a shared state, and this one is a file",
        ));
    };
    for line in session::runtime()?.block_on(shared::daemons(place))? {
        ui.line(&line)?;
    }
    Ok(())
}

fn text(status: &Status, width: Option<usize>) -> String {
    let stack =
        status.stack.as_ref().map_or_else(|| "nothing was applied yet".to_owned(), ToString::to_string);
    let mut text = format!("{BOLD}{stack}{BOLD:#}, generation {}\n", status.generation);
    for integration in &status.integrations {
        text.push_str(&integration_text(integration));
    }
    for standing in &status.authorizations {
        text.push_str(&standing_text(standing));
    }
    if status.steps > 0 {
        text.push_str(&format!("{YELLOW}{} outstanding{YELLOW:#}\n", render::count(status.steps, "step")));
    }
    if status.outbox > 0 {
        let error =
            status.outbox_error.as_ref().map(|error| format!(": {}", line(error))).unwrap_or_default();
        let alerts = render::count(status.outbox, "alert");
        text.push_str(&format!("{YELLOW}{alerts} not delivered yet{YELLOW:#}{error}\n"));
    }
    for note in &status.notes {
        text.push_str(&format!("{YELLOW}note{YELLOW:#}: {}\n", line(note)));
    }
    if let Some(daemon) = &status.daemon {
        text.push_str(&daemon_text(daemon));
    }
    if status.transfers.is_empty() {
        return text;
    }
    let mut columns =
        vec!["transfer", "active", "to", "rows", "rejects", "cursor", "last run", "fetched", "failures"];
    // Nothing runs by itself without a daemon.
    let is_watched = status.daemon.is_some();
    if is_watched {
        columns.push("next run");
    }
    let mut table = Table::new(columns);
    for transfer in &status.transfers {
        let mut cells = transfer_cells(transfer).to_vec();
        if is_watched {
            cells.push(transfer.next_run.map(render::instant).unwrap_or_default());
        }
        table.row(cells);
    }
    text.push('\n');
    text.push_str(&table.text(width));
    let last_runs = status.transfers.iter().filter_map(|transfer| transfer.last_run.as_ref());
    text.push_str(&render::run::explanations(last_runs));
    for transfer in &status.transfers {
        let last = transfer.last_run.as_ref().map(|run| run.id);
        let held = transfer.deliveries_held.as_ref().filter(|run| Some(run.id) != last);
        text.extend(held.and_then(render::run::held));
        if transfer.deliveries > 0 {
            let (those, wait) =
                if transfer.deliveries == 1 { ("delivery", "waits") } else { ("deliveries", "wait") };
            text.push_str(&format!("{} webhook {those} {wait} for {}\n", transfer.deliveries, transfer.name));
        }
        text.extend(render::run::unseen(&transfer.name, &transfer.unseen));
    }
    text
}

/// How an Authorization stands. A person's part is told by a note.
fn standing_text(standing: &Standing) -> String {
    let style = match standing.state {
        Agreement::Granted => GREEN,
        Agreement::Unasked => DIM,
        Agreement::Waiting => YELLOW,
        Agreement::Revoked => RED,
    };
    let (name, state) = (&standing.name, standing.state.as_str());
    let expires = standing.expires.filter(|_| standing.state == Agreement::Granted);
    let expires = expires.map(|expires| format!(", the token until {}", render::instant(expires)));
    format!("authorization {BOLD}{name}{BOLD:#}: {style}{state}{style:#}{}\n", expires.unwrap_or_default())
}

fn daemon_text(daemon: &DaemonStatus) -> String {
    let policy = daemon.policy.as_ref().map(|policy| format!("; applies {policy} changes by itself"));
    let mut text = format!("\nwatching {}{}\n", line(&daemon.origin), policy.unwrap_or_default());
    if let Some(trouble) = &daemon.trouble {
        text.push_str(&format!("  {YELLOW}{}{YELLOW:#}\n", line(trouble)));
    }
    if !daemon.problems.is_empty() {
        text.push_str(&format!(
            "  {RED}the last configuration is bad{RED:#}; the one before it is in force\n"
        ));
        for problem in &daemon.problems {
            text.push_str(&format!("    {}\n", line(problem)));
        }
    }
    for dropped in &daemon.dropped_deliveries {
        text.push_str(&format!("  {YELLOW}{}{YELLOW:#}\n", line(&dropped.in_words())));
    }
    for warning in &daemon.warnings {
        text.push_str(&format!("  {YELLOW}{}{YELLOW:#}\n", line(warning)));
    }
    if let Some(why) = &daemon.pending {
        text.push_str(&format!(
            "  {YELLOW}changes wait{YELLOW:#}: `raccord plan --pending` shows them, `raccord apply --pending` applies them\n"
        ));
        for reason in why {
            text.push_str(&format!("    {}\n", line(reason)));
        }
    }
    text
}

fn integration_text(integration: &IntegrationStatus) -> String {
    let style = match integration.state {
        IntegrationState::Active => GREEN,
        IntegrationState::Inactive => DIM,
        IntegrationState::Tripped => RED,
        IntegrationState::Paused => YELLOW,
    };
    let name = &integration.name;
    let mut text =
        format!("\nintegration {BOLD}{name}{BOLD:#}: {style}{}{style:#}\n", integration.state.as_str());
    if let Some(trip) = &integration.trip {
        text.push_str(&format!(
            "  disabled since {}: {} (transfer {})\n",
            render::instant(trip.at),
            line(&trip.cause.to_string()),
            trip.transfer
        ));
        for error in &trip.errors {
            text.push_str(&format!("    {}\n", line(error)));
        }
        text.push_str(&format!("  `raccord resume {name}` starts it again\n"));
    }
    if let Some(pause) = &integration.pause {
        let until = pause.until.map_or_else(|| "it is resumed".to_owned(), render::instant);
        let reason = pause.reason.as_ref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
        text.push_str(&format!("  paused since {} until {until}{reason}\n", render::instant(pause.at)));
    }
    for (transfer, updates) in &integration.subscriptions {
        let updates: Vec<&str> = updates.iter().map(|update| update.as_str()).collect();
        text.push_str(&format!("  {transfer}: {}\n", updates.join(", ")));
    }
    if !integration.alerts.is_empty() {
        text.push_str(&format!("  alerts: {}\n", line(&integration.alerts.join(", "))));
    }
    text
}

fn transfer_cells(transfer: &TransferStatus) -> [String; 9] {
    let (outcome, fetched) = match &transfer.last_run {
        Some(run) => {
            let at = run.ended.unwrap_or(run.started);
            (format!("{} {}", run.outcome.as_str(), render::instant(at)), run.tally.fetched.to_string())
        }
        None => ("never".to_owned(), String::new()),
    };
    [
        transfer.name.to_string(),
        if transfer.active { "yes".to_owned() } else { "no".to_owned() },
        transfer.to.to_string(),
        known(transfer.rows),
        known(transfer.rejects),
        transfer.cursor.clone().unwrap_or_default(),
        outcome,
        fetched,
        transfer.consecutive_failures.to_string(),
    ]
}

/// A number, or that it is not known.
fn known(number: Option<u64>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}
