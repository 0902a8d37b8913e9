//! What flows where, as a picture that a person moves, zooms and filters.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, html};

use crate::console::answer::{Answer, Content};
use crate::console::asset;
use crate::console::graph::{self, Column, Drawing, Edge, Label, Node};
use crate::console::layout::Place;
use crate::console::show::{self, Tone};
use crate::console::text::Texts;
use crate::console::visit::Visit;
use crate::failure::Failure;
use crate::request::{Flow, FlowState, Reply, Request};

/// How much of a name fits into a box, in characters.
const LABEL: usize = 28;

/// The states, the worst first.
const STATES: [FlowState; 6] = [
    FlowState::Tripped,
    FlowState::Held,
    FlowState::Failing,
    FlowState::Paused,
    FlowState::Active,
    FlowState::Inactive,
];

/// The page.
pub(super) async fn show(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let words = visit.texts().graph;
    let flows: Vec<Flow> = visit
        .all(Request::Flows, |reply| if let Reply::Flow(flow) = reply { Some(flow) } else { None })
        .await?;
    let text = visit.asked("q").unwrap_or_default().to_owned();
    let state = STATES.into_iter().find(|state| visit.asked("status") == Some(code(*state)));
    let fitting: Vec<Flow> = flows.into_iter().filter(|flow| has_text(flow, &text)).collect();
    let mut counts: BTreeMap<FlowState, u64> = BTreeMap::new();
    for flow in &fitting {
        *counts.entry(flow.state).or_default() += 1;
    }
    let is_wanted = |flow: &Flow| state.is_none_or(|state| flow.state == state);
    let shown: Vec<Flow> = fitting.into_iter().filter(is_wanted).collect();
    // Thousands of flows take milliseconds: beside the workers that answer everyone.
    let drawing = tokio::task::spawn_blocking(move || graph::draw(&shown)).await.unwrap_or_default();
    let body = html! {
        form.search role="search" action="/graph" {
            label for="q" { (words.search) }
            input #q type="search" name="q" value=(show::plain(&text)) autocomplete="off" spellcheck="false";
            @if let Some(state) = state { input type="hidden" name="status" value=(code(state)); }
            button.plain { (words.filter) }
        }
        ul.chips aria-label=(words.by_status) {
            li { a href=(address(&text, None)) aria-current=[state.is_none().then_some("true")] {
                (words.all) " " b { (show::number(visit.reader.language, counts.values().sum())) }
            } }
            @for one in STATES { @if let Some(count) = counts.get(&one) {
                li { a href=(address(&text, Some(one))) aria-current=[(state == Some(one)).then_some("true")] {
                    (status(visit.texts(), one)) " " b { (show::number(visit.reader.language, *count)) }
                } }
            } }
        }
        @if drawing.nodes.is_empty() { p { (words.none) } } @else { (picture(&visit, &drawing)) }
    };
    Ok(Answer::Page(Content::new(Place::Graph, words.title, body)))
}

fn has_text(flow: &Flow, text: &str) -> bool {
    let has = |name: &str| name.contains(text);
    has(flow.source.as_str())
        || has(flow.transfer.as_str())
        || has(&flow.entity.to_string())
        || has(&flow.store)
        || flow.integrations.iter().any(|name| has(name.as_str()))
}

fn address(text: &str, state: Option<FlowState>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !text.is_empty() {
        query.append_pair("q", text);
    }
    if let Some(state) = state {
        query.append_pair("status", code(state));
    }
    format!("/graph?{}", query.finish())
}

const fn code(state: FlowState) -> &'static str {
    match state {
        FlowState::Tripped => "tripped",
        FlowState::Held => "held",
        FlowState::Failing => "failing",
        FlowState::Paused => "paused",
        FlowState::Active => "active",
        FlowState::Inactive => "inactive",
    }
}

const fn standing(texts: &Texts, state: FlowState) -> (Tone, &'static str) {
    match state {
        FlowState::Tripped => (Tone::Bad, texts.word.tripped),
        FlowState::Held => (Tone::Waits, texts.word.held),
        FlowState::Failing => (Tone::Bad, texts.word.failing),
        FlowState::Paused => (Tone::Waits, texts.word.paused),
        FlowState::Active => (Tone::Good, texts.word.active),
        FlowState::Inactive => (Tone::Quiet, texts.word.inactive),
    }
}

fn status(texts: &Texts, state: FlowState) -> Markup {
    let (tone, word) = standing(texts, state);
    show::status(tone, word)
}

/// The picture, and what moves it where there is a script.
fn picture(visit: &Visit, drawing: &Drawing) -> Markup {
    let words = visit.texts().graph;
    let view = format!("0 0 {} {}", drawing.width, drawing.height);
    html! {
        @if drawing.is_collapsed { p.hint { (words.collapsed) } }
        div.graph data-graph tabindex="0" role="group" aria-label=(words.picture) aria-describedby="moves" {
            div.tools {
                button.plain type="button" data-zoom="in" aria-label=(words.zoom_in) { "+" }
                button.plain type="button" data-zoom="out" aria-label=(words.zoom_out) { "−" }
                button.plain type="button" data-zoom="all" aria-label=(words.whole) { "⤢" }
            }
            svg viewBox=(view) width=(drawing.width) height=(drawing.height) role="group" aria-label=(words.picture) {
                @for edge in &drawing.edges { (line(drawing, edge)) }
                @for node in &drawing.nodes { (boxed(visit, drawing, node)) }
            }
        }
        p.hint #moves { (words.moves) }
        script src=(asset::path("graph.js")) defer {}
    }
}

fn line(drawing: &Drawing, edge: &Edge) -> Markup {
    let (width, height) = Node::SIZE;
    let (Some(from), Some(to)) = (drawing.nodes.get(edge.from), drawing.nodes.get(edge.to)) else {
        return html! {};
    };
    let (x1, y1, x2, y2) = (from.x + width, from.y + height / 2, to.x, to.y + height / 2);
    let middle = usize::midpoint(x1, x2);
    html! { path class=(format!("flow {}", code(edge.state))) d=(format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}")) {} }
}

fn boxed(visit: &Visit, drawing: &Drawing, node: &Node) -> Markup {
    let texts = visit.texts();
    let (width, height) = Node::SIZE;
    let (_, word) = standing(texts, node.state);
    let name = name(visit, node);
    let count = format!("{} {}", node.transfers, texts.graph.transfers);
    let is_one = node.transfers == 1;
    let below = if is_one { word.to_owned() } else { format!("{count} · {word}") };
    let shape = html! {
        title { (show::plain(&name)) ": " (below) }
        rect class=(format!("node {}", code(node.state))) x=(node.x) y=(node.y) width=(width) height=(height) rx="7" {}
        text.name x=(node.x + 12) y=(node.y + 19) { (cut(&name)) }
        text.below x=(node.x + 12) y=(node.y + 35) { (below) }
    };
    html! { @match target(drawing, node) { Some(href) => a href=(href) { (shape) }, None => g { (shape) } } }
}

fn name(visit: &Visit, node: &Node) -> String {
    let words = visit.texts().graph;
    match &node.label {
        Label::Name(name) => name.clone(),
        Label::Transfers(from, to) => format!("{from} → {to}"),
        Label::Unwanted => words.unwanted.to_owned(),
        Label::Others => words.others.to_owned(),
    }
}

fn cut(name: &str) -> String {
    let shown = show::plain(name);
    match shown.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// Where a box leads: to what it stands for, or to a picture of it alone.
fn target(drawing: &Drawing, node: &Node) -> Option<String> {
    match (&node.label, node.column) {
        (Label::Name(name), Column::Transfer) => Some(format!("/transfers/{name}")),
        (Label::Name(name), Column::Entity) if name.contains('.') => Some(format!("/records/{name}")),
        (Label::Name(name), _) => Some(address(name, None)),
        (Label::Transfers(from, _), _) if drawing.is_collapsed && !from.is_empty() => {
            Some(address(from, None))
        }
        (Label::Transfers(..) | Label::Unwanted | Label::Others, _) => None,
    }
}
