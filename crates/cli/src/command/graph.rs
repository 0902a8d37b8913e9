//! `raccord graph`.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use raccord_model::{Desired, Spec};

use crate::configuration;
use crate::error::CommandError;
use crate::options::Global;
use crate::render::graph::{self, Edge};
use crate::ui::Ui;

/// Draw what flows where: sources, transfers, entities
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord graph\n  raccord graph --output svg > graph.svg")]
pub(crate) struct GraphArgs {
    /// The form
    #[arg(long, value_enum, default_value = "text")]
    output: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// A Mermaid flowchart, which GitHub draws.
    Mermaid,
    /// A picture.
    Svg,
}

pub(crate) fn graph(ui: &Ui, global: &Global, args: &GraphArgs) -> Result<(), CommandError> {
    let desired = configuration::desired(ui, global)?;
    let edges = edges(&desired);
    match args.output {
        Form::Text => ui.print(&graph::text(&edges))?,
        Form::Mermaid => ui.data(&graph::mermaid(&edges))?,
        Form::Svg => ui.data(&graph::svg(&edges))?,
    }
    Ok(())
}

/// One edge a transfer, in the order of sources.
fn edges(desired: &Desired) -> Vec<Edge> {
    let subscribed: BTreeSet<_> = desired
        .resources
        .values()
        .filter_map(|wanted| match &wanted.resource.spec {
            Spec::Integration(spec) if spec.active => Some(spec.subscriptions.keys()),
            _ => None,
        })
        .flatten()
        .collect();
    let mut edges: Vec<Edge> = desired
        .resources
        .iter()
        .filter_map(|(key, wanted)| match &wanted.resource.spec {
            Spec::Transfer(spec) => Some(Edge {
                source: spec.source.to_string(),
                transfer: key.name.to_string(),
                entity: spec.to.to_string(),
                runs: spec.active && subscribed.contains(&key.name),
            }),
            _ => None,
        })
        .collect();
    edges.sort();
    edges
}
