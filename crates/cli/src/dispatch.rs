//! Which verb carries out what was asked for. The verbs themselves are in `command`.

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::args::{Cli, Verb};
use crate::command::{
    alert, apply, audit, authorize, completions, connector, connectors, deliveries, explain, export, graph,
    history, init, man, new, operate, plan, preview, records, reference, rejects, rollback, run, runs,
    schema, source, state, status, token, validate, watch,
};
use crate::error::CommandError;
use crate::ui::Ui;

/// Carries out the verb that was asked for.
pub(crate) fn dispatch(ui: &Ui, cli: &Cli) -> Result<ExitCode, CommandError> {
    let global = &cli.global;
    let done = |()| ExitCode::SUCCESS;
    match &cli.verb {
        Verb::Init(args) => init::init(ui, args).map(done),
        Verb::New(verb) => new::new(ui, global, verb).map(done),
        Verb::Validate(args) => validate::validate(ui, global, args),
        Verb::Plan(args) => plan::plan(ui, global, args),
        Verb::Apply(args) => apply::apply(ui, global, args).map(done),
        Verb::Run(args) => run::run(ui, global, args),
        Verb::Watch(args) => watch::watch(ui, global, args).map(done),
        Verb::Status(args) => status::status(ui, global, args).map(done),
        Verb::Runs(args) => runs::runs(ui, global, args).map(done),
        Verb::Records(args) => records::records(ui, global, args).map(done),
        Verb::Explain(args) => explain::explain(ui, global, args).map(done),
        Verb::Rejects(verb) => rejects::rejects(ui, global, verb).map(done),
        Verb::Deliveries(verb) => deliveries::deliveries(ui, global, verb).map(done),
        Verb::History(args) => history::history(ui, global, args).map(done),
        Verb::Rollback(args) => rollback::rollback(ui, global, args).map(done),
        Verb::Export(args) => export::export(ui, global, args).map(done),
        Verb::Pause(args) => operate::pause(ui, global, args).map(done),
        Verb::Resume(args) => operate::resume(ui, global, args).map(done),
        Verb::Approve(args) => operate::approve(ui, global, args).map(done),
        Verb::Resync(args) => operate::resync(ui, global, args).map(done),
        Verb::Authorize(args) => authorize::authorize(ui, global, args).map(done),
        Verb::Alert(verb) => alert::alert(ui, global, verb),
        Verb::Token(verb) => token::token(ui, global, verb).map(done),
        Verb::Audit(args) => audit::audit(ui, global, args).map(done),
        Verb::Connectors(args) => connectors::connectors(ui, args).map(done),
        Verb::Connector(verb) => connector::connector(ui, global, verb),
        Verb::Check(args) => source::check(ui, global, args).map(done),
        Verb::Discover(args) => source::discover(ui, global, args).map(done),
        Verb::Read(args) => source::read(ui, global, args).map(done),
        Verb::Preview(args) => preview::preview(ui, global, args).map(done),
        Verb::Graph(args) => graph::graph(ui, global, args).map(done),
        Verb::Schema(args) => schema::schema(ui, args).map(done),
        Verb::State(verb) => state::state(ui, global, verb),
        Verb::Completions(args) => completions::completions(ui, args).map(done),
        Verb::Man(args) => man::man(ui, Cli::command(), args).map(done),
        Verb::Reference(_) => reference::reference(ui, Cli::command()).map(done),
    }
}
