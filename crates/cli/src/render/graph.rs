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

/// The width of a node and the room to the next column, the height of a node and the room below it.
const NODE: (usize, usize, usize, usize) = (220, 100, 32, 16);

/// Three columns of boxes and the lines between them.
pub(crate) fn svg(edges: &[Edge]) -> String {
    let (width, gap, height, below) = NODE;
    let mut places: BTreeMap<(usize, String), (usize, usize)> = BTreeMap::new();
    let mut rows = [0; 3];
    for edge in edges {
        for (column, name) in [&edge.source, &edge.transfer, &edge.entity].into_iter().enumerate() {
            places.entry((column, name.clone())).or_insert_with(|| {
                let place = (20 + column * (width + gap), 20 + rows[column] * (height + below));
                rows[column] += 1;
                place
            });
        }
    }
    let tallest = rows.into_iter().max().unwrap_or(0);
    let size = (40 + 3 * width + 2 * gap, 40 + tallest * (height + below));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"sans-serif\" font-size=\"13\">\n",
        size.0, size.1
    );
    for edge in edges {
        let at =
            |column: usize, name: &String| places.get(&(column, name.clone())).copied().unwrap_or_default();
        let (source, transfer, entity) = (at(0, &edge.source), at(1, &edge.transfer), at(2, &edge.entity));
        text.push_str(&line(source, transfer, edge.runs));
        text.push_str(&line(transfer, entity, edge.runs));
    }
    for ((column, name), (x, y)) in &places {
        let fill = ["#dbeafe", "#fef9c3", "#dcfce7"][*column];
        text.push_str(&format!(
            "  <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{fill}\" stroke=\"#475569\"/>\n  \
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{name}</text>\n",
            x + width / 2,
            y + height / 2 + 5
        ));
    }
    text.push_str("</svg>\n");
    text
}

fn line(from: (usize, usize), to: (usize, usize), runs: bool) -> String {
    let (width, _, height, _) = NODE;
    let dashes = if runs { "" } else { " stroke-dasharray=\"5 4\"" };
    format!(
        "  <line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#475569\"{dashes}/>\n",
        from.0 + width,
        from.1 + height / 2,
        to.0,
        to.1 + height / 2
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
    fn each_form_shows_what_runs_and_what_does_not() {
        assert_eq!(text(&edges()), "shop\n  ──▶ customers ──▶ crm.contact\n  ╌╌▷ leads ╌╌▷ crm.contact\n");
        let mermaid = mermaid(&edges());
        assert!(mermaid.contains("n0 --> n1 --> n2") && mermaid.contains("n0 -.-> n3 -.-> n2"), "{mermaid}");
        let svg = svg(&edges());
        assert_eq!((svg.matches("<rect").count(), svg.matches("stroke-dasharray").count()), (4, 2));
        assert_eq!(text(&[]), "no transfer\n");
    }
}
