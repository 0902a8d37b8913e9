//! The graph of sources, transfers and entities as text, as Mermaid and as SVG.

use std::collections::BTreeMap;

/// A transfer between its source and its entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    /// The source's name.
    pub(crate) source: String,
    /// The transfer's name.
    pub(crate) transfer: String,
    /// The entity, `project.entity`.
    pub(crate) entity: String,
    /// Whether it is active and an active integration wants it.
    pub(crate) runs: bool,
}

/// Sources, and below each its transfers with what they feed.
pub(crate) fn text(edges: &[Edge]) -> String {
    let mut text = String::new();
    let mut last = None;
    for edge in edges {
        if last != Some(&edge.source) {
            text.push_str(&format!("{}\n", edge.source));
            last = Some(&edge.source);
        }
        let arrow = if edge.runs { "──▶" } else { "╌╌▷" };
        text.push_str(&format!("  {arrow} {} {arrow} {}\n", edge.transfer, edge.entity));
    }
    if edges.is_empty() {
        text.push_str("no transfer\n");
    }
    text
}

/// A flowchart from left to right; what does not run is dotted.
pub(crate) fn mermaid(edges: &[Edge]) -> String {
    let mut text = String::from("flowchart LR\n");
    let ids = ids(edges);
    for ((column, name), id) in &ids {
        let shape = match column {
            0 => format!("[({name})]"),
            1 => format!("[{name}]"),
            _ => format!("[/{name}/]"),
        };
        text.push_str(&format!("  {id}{shape}\n"));
    }
    for edge in edges {
        let arrow = if edge.runs { "-->" } else { "-.->" };
        let id = |column: usize, name: &str| ids.get(&(column, name.to_owned())).cloned().unwrap_or_default();
        let (source, transfer, entity) = (id(0, &edge.source), id(1, &edge.transfer), id(2, &edge.entity));
        text.push_str(&format!("  {source} {arrow} {transfer} {arrow} {entity}\n"));
    }
    text
}

/// The column of each node and its name, with an id that is safe in any form.
fn ids(edges: &[Edge]) -> BTreeMap<(usize, String), String> {
    let mut ids = BTreeMap::new();
    for edge in edges {
        for (column, name) in [&edge.source, &edge.transfer, &edge.entity].into_iter().enumerate() {
            let next = format!("n{}", ids.len());
            ids.entry((column, name.clone())).or_insert(next);
        }
    }
    ids
}

/// The room around the picture and between two columns, the height of a node and the room below it, in pixels.
const ROOM: usize = 20;
const GAP: usize = 90;
const HEIGHT: usize = 32;
const BELOW: usize = 16;

/// The narrowest node, and how much a character of the widest name takes.
const NARROWEST: usize = 120;
const CHARACTER: usize = 8;

/// A box of the picture.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    x: usize,
    y: usize,
    width: usize,
}

/// Where every box stands, and how large the picture is. A column is as wide as its longest name wants.
fn layout(edges: &[Edge]) -> (BTreeMap<(usize, String), Node>, (usize, usize)) {
    let columns = |edge: &Edge| [edge.source.clone(), edge.transfer.clone(), edge.entity.clone()];
    let mut widths = [NARROWEST; 3];
    for (column, name) in edges.iter().flat_map(|edge| columns(edge).into_iter().enumerate()) {
        let wanted = name.chars().count() * CHARACTER + 2 * ROOM;
        widths[column] = widths[column].max(wanted);
    }
    let [first, second, third] = widths;
    let left = [ROOM, ROOM + first + GAP, ROOM + first + second + 2 * GAP];
    let mut nodes = BTreeMap::new();
    let mut rows = [0; 3];
    for (column, name) in edges.iter().flat_map(|edge| columns(edge).into_iter().enumerate()) {
        nodes.entry((column, name)).or_insert_with(|| {
            let y = ROOM + rows[column] * (HEIGHT + BELOW);
            rows[column] += 1;
            Node { x: left[column], y, width: widths[column] }
        });
    }
    let tallest = rows.into_iter().max().unwrap_or(0);
    (nodes, (left[2] + third + ROOM, 2 * ROOM + tallest * (HEIGHT + BELOW)))
}

/// Three columns of boxes and the arrows between them, on a ground of their own: pages may be dark.
pub(crate) fn svg(edges: &[Edge]) -> String {
    let (nodes, (width, height)) = layout(edges);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n  \
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#475569\"/></marker></defs>\n  \
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n"
    );
    for edge in edges {
        let at =
            |column: usize, name: &String| nodes.get(&(column, name.clone())).copied().unwrap_or_default();
        let (source, transfer, entity) = (at(0, &edge.source), at(1, &edge.transfer), at(2, &edge.entity));
        text.push_str(&line(source, transfer, edge.runs));
        text.push_str(&line(transfer, entity, edge.runs));
    }
    for ((column, name), Node { x, y, width }) in &nodes {
        let fill = ["#dbeafe", "#fef9c3", "#dcfce7"][*column];
        text.push_str(&format!(
            "  <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"#475569\"/>\n  \
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#0f172a\">{name}</text>\n",
            x + width / 2,
            y + HEIGHT / 2 + 5
        ));
    }
    text.push_str("</svg>\n");
    text
}

fn line(from: Node, to: Node, runs: bool) -> String {
    let dashes = if runs { "" } else { " stroke-dasharray=\"5 4\"" };
    format!(
        "  <line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#475569\" marker-end=\"url(#end)\"{dashes}/>\n",
        from.x + from.width,
        from.y + HEIGHT / 2,
        to.x,
        to.y + HEIGHT / 2
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges() -> Vec<Edge> {
        let edge = |transfer: &str, entity: &str, runs| Edge {
            source: "shop".to_owned(),
            transfer: transfer.to_owned(),
            entity: entity.to_owned(),
            runs,
        };
        vec![edge("customers", "crm.contact", true), edge("leads", "crm.contact", false)]
    }

    #[test]
    fn a_long_name_stays_in_its_box() {
        let mut edges = edges();
        edges[0].transfer = "a".repeat(63);
        let (nodes, (width, _)) = layout(&edges);
        assert!(nodes.values().all(|node| node.x + node.width < width));
        assert!(nodes[&(1, edges[0].transfer.clone())].width >= 63 * CHARACTER);
        let [transfer, entity] =
            [1, 2].map(|column| nodes.iter().find(|((at, _), _)| *at == column).unwrap().1);
        assert!(transfer.x + transfer.width < entity.x, "columns stand apart");
    }

    #[test]
    fn each_form_shows_what_runs_and_what_does_not() {
        assert_eq!(text(&edges()), "shop\n  ──▶ customers ──▶ crm.contact\n  ╌╌▷ leads ╌╌▷ crm.contact\n");
        let mermaid = mermaid(&edges());
        assert!(mermaid.contains("n0 --> n1 --> n2") && mermaid.contains("n0 -.-> n3 -.-> n2"), "{mermaid}");
        let svg = svg(&edges());
        assert_eq!((svg.matches("<rect").count(), svg.matches("stroke-dasharray").count()), (5, 2));
        assert_eq!(svg.matches("marker-end=").count(), 4);
        assert!(svg.contains("viewBox=\"0 0 "), "{svg}");
        assert_eq!(text(&[]), "no transfer\n");
    }
}
