//! The graph of sources, transfers, entities and stores as boxes in columns: where each stands, what it stands for, and which
//! lines connect them. Many transfers are collapsed into fewer boxes, each with the number and the worst state of what it
//! stands for. Pure: it knows no page and no language.

use std::collections::{BTreeMap, BTreeSet};

use crate::request::{Flow, FlowState};

/// The most boxes of a column; beyond, what is alike becomes one box.
pub(super) const MOST: usize = 60;

/// The height of a box, the room below it, its width, the room between two columns, and the room around everything; in
/// pixels.
const HEIGHT: usize = 44;
const BELOW: usize = 14;
const WIDTH: usize = 220;
const BETWEEN: usize = 90;
const AROUND: usize = 16;

/// In which column a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    /// A source, or an integration where there are many sources.
    Origin,
    /// A transfer, or several.
    Transfer,
    /// An entity, or a project.
    Entity,
    /// A store.
    Store,
}

/// What a box stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    /// Something with a name.
    Name(String),
    /// The transfers of one origin into one target, which the drawing names beside it.
    Transfers(String, String),
    /// What belongs to no integration.
    Unwanted,
    /// What did not fit.
    Others,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// In which column.
    pub(super) column: Column,
    /// What it stands for.
    pub(super) label: Label,
    /// How many transfers go through it.
    pub(super) transfers: usize,
    /// The worst state of them.
    pub(super) state: FlowState,
    /// Where its upper left corner is.
    pub(super) x: usize,
    /// Where its upper left corner is.
    pub(super) y: usize,
}

/// A line from one box to another, by their places among the boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    /// Where it begins.
    pub(super) from: usize,
    /// Where it ends.
    pub(super) to: usize,
    /// The worst state of what goes along it.
    pub(super) state: FlowState,
}

/// A whole drawing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Drawing {
    /// The boxes, column by column and downwards.
    pub(super) nodes: Vec<Node>,
    /// The lines.
    pub(super) edges: Vec<Edge>,
    /// How wide it is.
    pub(super) width: usize,
    /// How high it is.
    pub(super) height: usize,
    /// Whether a box may stand for several transfers.
    pub(super) is_collapsed: bool,
}

impl Node {
    /// Its size.
    pub(super) const SIZE: (usize, usize) = (WIDTH, HEIGHT);
}

/// How much is collapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Nothing.
    Nothing,
    /// The transfers of a source into an entity.
    Transfers,
    /// Sources to their integrations, entities to their projects.
    Sources,
}

/// The boxes that a flow goes through, from the origin to the store.
type Path = [Label; 4];

/// The drawing of flows, in whatever order they come.
pub(super) fn draw(flows: &[Flow]) -> Drawing {
    let mut flows: Vec<&Flow> = flows.iter().collect();
    flows.sort_by(|one, other| one.transfer.cmp(&other.transfer));
    let fitting = [Level::Nothing, Level::Transfers].into_iter().find(|level| fits(&flows, *level));
    let level = fitting.unwrap_or(Level::Sources);
    let mut paths: Vec<(Path, FlowState)> =
        flows.iter().map(|flow| (path(flow, level), flow.state)).collect();
    for column in 0..4 {
        gather(&mut paths, column);
    }
    Drawing { is_collapsed: level != Level::Nothing, ..lay_out(&paths) }
}

fn path(flow: &Flow, level: Level) -> Path {
    let (origin, target) = match level {
        Level::Nothing | Level::Transfers => {
            (Label::Name(flow.source.to_string()), Label::Name(flow.entity.to_string()))
        }
        Level::Sources => {
            let integration = flow.integrations.first();
            let origin = integration.map_or(Label::Unwanted, |name| Label::Name(name.to_string()));
            (origin, Label::Name(flow.entity.project.to_string()))
        }
    };
    let between = match (level, &origin, &target) {
        (Level::Nothing, ..) => Label::Name(flow.transfer.to_string()),
        (_, Label::Name(origin), Label::Name(target)) => Label::Transfers(origin.clone(), target.clone()),
        (_, _, Label::Name(target)) => Label::Transfers(String::new(), target.clone()),
        _ => Label::Others,
    };
    [origin, between, target, Label::Name(flow.store.clone())]
}

fn fits(flows: &[&Flow], level: Level) -> bool {
    let mut seen: [BTreeSet<Label>; 4] = Default::default();
    for flow in flows {
        for (seen, label) in seen.iter_mut().zip(path(flow, level)) {
            seen.insert(label);
            if seen.len() > MOST {
                return false;
            }
        }
    }
    true
}

/// Puts what does not fit into a column into one box: those with the worst states, and then those with the most transfers, keep
/// theirs.
fn gather(paths: &mut [(Path, FlowState)], column: usize) {
    let mut weights: BTreeMap<Label, (FlowState, usize)> = BTreeMap::new();
    for (path, state) in paths.iter() {
        let weight = weights.entry(path[column].clone()).or_insert((*state, 0));
        *weight = (weight.0.max(*state), weight.1 + 1);
    }
    if weights.len() <= MOST {
        return;
    }
    let mut order: Vec<_> = weights.into_iter().collect();
    order.sort_by(|(one, its), (other, theirs)| theirs.cmp(its).then_with(|| one.cmp(other)));
    let kept: BTreeSet<Label> = order.into_iter().take(MOST - 1).map(|(label, _)| label).collect();
    for (path, _) in paths.iter_mut() {
        if !kept.contains(&path[column]) {
            path[column] = Label::Others;
        }
    }
}

const COLUMNS: [Column; 4] = [Column::Origin, Column::Transfer, Column::Entity, Column::Store];

/// Stands the boxes below one another. A column keeps the order in which the column before it leads to its boxes, so that few
/// lines cross.
fn lay_out(paths: &[(Path, FlowState)]) -> Drawing {
    let mut drawing = Drawing::default();
    let mut places: BTreeMap<(usize, &Label), usize> = BTreeMap::new();
    for (at, column) in COLUMNS.into_iter().enumerate() {
        let mut order: Vec<(usize, &Label)> = paths
            .iter()
            .map(|(path, _)| {
                let before = at.checked_sub(1).and_then(|before| places.get(&(before, &path[before])));
                (before.copied().unwrap_or_default(), &path[at])
            })
            .collect();
        order.sort();
        let mut row = 0;
        for (_, label) in order {
            if places.contains_key(&(at, label)) {
                continue;
            }
            places.insert((at, label), drawing.nodes.len());
            let (x, y) = (AROUND + at * (WIDTH + BETWEEN), AROUND + row * (HEIGHT + BELOW));
            let state = FlowState::Inactive;
            drawing.nodes.push(Node { column, label: label.clone(), transfers: 0, state, x, y });
            row += 1;
            drawing.height = drawing.height.max(y + HEIGHT + AROUND);
        }
    }
    drawing.width = 2 * AROUND + COLUMNS.len() * WIDTH + (COLUMNS.len() - 1) * BETWEEN;
    let mut edges: BTreeMap<(usize, usize), FlowState> = BTreeMap::new();
    for (path, state) in paths {
        let through: Vec<usize> =
            path.iter().enumerate().filter_map(|(at, label)| places.get(&(at, label)).copied()).collect();
        for place in &through {
            if let Some(node) = drawing.nodes.get_mut(*place) {
                node.transfers += 1;
                node.state = node.state.max(*state);
            }
        }
        for pair in through.windows(2) {
            if let [from, to] = pair {
                let worst = edges.entry((*from, *to)).or_insert(*state);
                *worst = (*worst).max(*state);
            }
        }
    }
    drawing.edges = edges.into_iter().map(|((from, to), state)| Edge { from, to, state }).collect();
    drawing
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flow(number: usize, source: usize, entity: usize, state: FlowState) -> Flow {
        Flow {
            source: format!("source-{source}").parse().unwrap(),
            transfer: format!("transfer-{number}").parse().unwrap(),
            integrations: vec![format!("integration-{}", source % 7).parse().unwrap()],
            entity: format!("project-{}.entity{entity}", entity % 5).parse().unwrap(),
            store: format!("store {}", entity % 3),
            state,
        }
    }

    const STATES: [FlowState; 6] = [
        FlowState::Inactive,
        FlowState::Active,
        FlowState::Paused,
        FlowState::Failing,
        FlowState::Held,
        FlowState::Tripped,
    ];

    fn overlap(one: &Node, other: &Node) -> bool {
        let apart = |one: usize, other: usize, size: usize| one + size <= other || other + size <= one;
        !apart(one.x, other.x, WIDTH) && !apart(one.y, other.y, HEIGHT)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_two_boxes_overlap_and_the_order_of_flows_does_not_matter(
            given in prop::collection::vec((0..90_usize, 0..90_usize, 0..STATES.len()), 0..300),
            turn in 0..300_usize,
        ) {
            let mut flows: Vec<Flow> = given
                .iter()
                .enumerate()
                .map(|(at, (source, entity, state))| flow(at, *source, *entity, STATES[*state]))
                .collect();
            let drawing = draw(&flows);
            for (at, node) in drawing.nodes.iter().enumerate() {
                prop_assert!(node.x + WIDTH <= drawing.width && node.y + HEIGHT <= drawing.height);
                for other in &drawing.nodes[at + 1..] {
                    prop_assert!(!overlap(node, other), "{node:?} {other:?}");
                }
            }
            for column in COLUMNS {
                let boxes: Vec<&Node> = drawing.nodes.iter().filter(|node| node.column == column).collect();
                prop_assert!(boxes.len() <= MOST);
                prop_assert_eq!(boxes.iter().map(|node| node.transfers).sum::<usize>(), flows.len());
                let worst = flows.iter().map(|flow| flow.state).max();
                prop_assert_eq!(boxes.iter().map(|node| node.state).max(), worst);
            }
            for edge in &drawing.edges {
                prop_assert!(drawing.nodes[edge.from].x < drawing.nodes[edge.to].x);
            }
            let middle = turn.min(flows.len());
            flows.rotate_left(middle);
            prop_assert_eq!(draw(&flows), drawing);
        }
    }

    #[test]
    fn few_transfers_are_shown_each_and_many_are_collapsed() {
        let few: Vec<Flow> = (0..10).map(|at| flow(at, at % 2, at, FlowState::Active)).collect();
        let drawing = draw(&few);
        let transfers = drawing.nodes.iter().filter(|node| node.column == Column::Transfer);
        assert_eq!((drawing.is_collapsed, transfers.count()), (false, 10));
        let mut many: Vec<Flow> =
            (0..5_000).map(|at| flow(at, at % 700, at % 40, FlowState::Active)).collect();
        many[4_321].state = FlowState::Tripped;
        let drawing = draw(&many);
        assert!(drawing.is_collapsed && drawing.nodes.len() <= 4 * MOST);
        // What is wrong is never lost among what is well.
        assert!(drawing.nodes.iter().any(|node| node.state == FlowState::Tripped));
        assert_eq!(draw(&[]).nodes, []);
    }
}
