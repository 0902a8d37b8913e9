//! What every page has around it: the head, the navigation, who is signed in, the language, and what was just done.

use maud::{DOCTYPE, Markup, html};
use raccord_model::language::integration::Language;

use super::answer::Content;
use super::text::Texts;
use super::visit::Visit;
use super::{asset, page, reader, server, show};

/// An entry of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// How every integration and transfer stands.
    Overview,
    /// Stored records.
    Records,
    /// Rejected records.
    Rejects,
    /// What changes, and has changed.
    Changes,
    /// What flows where.
    Graph,
    /// Who did what.
    Audit,
    /// A page that stands under none.
    Elsewhere,
}

/// An entry of the navigation: which, where it leads, its words, and the key that leads there after `g`.
struct Entry {
    place: Place,
    path: &'static str,
    words: fn(&Texts) -> &'static str,
    key: &'static str,
}

/// The navigation, in its order.
const NAVIGATION: &[Entry] = &[
    Entry { place: Place::Overview, path: "/", words: |texts| texts.frame.overview, key: "o" },
    Entry { place: Place::Records, path: "/records", words: |texts| texts.records.title, key: "e" },
    Entry { place: Place::Rejects, path: "/rejects", words: |texts| texts.rejects.title, key: "r" },
    Entry { place: Place::Changes, path: "/changes", words: |texts| texts.changes.title, key: "c" },
    Entry { place: Place::Graph, path: "/graph", words: |texts| texts.graph.title, key: "g" },
    Entry { place: Place::Audit, path: "/audit", words: |texts| texts.audit.title, key: "a" },
];

/// A whole page.
pub(super) fn page(visit: &Visit, content: Content) -> Markup {
    let Content { title, place, trail, live, body } = content;
    let texts = visit.texts().frame;
    document(
        visit,
        &title,
        &html! {
            header.top {
                a.skip href="#content" { (texts.skip) }
                a.brand href="/" { "Raccord" }
                (navigation(visit, place))
                div.session {
                    (language(visit))
                    @if let Some(name) = &visit.reader.name {
                        form method="post" action="/sign-out" {
                            (csrf(visit))
                            span.who { (show::line(name)) }
                            button.quiet type="submit" { (texts.sign_out) }
                        }
                    } @else if visit.console.is_public {
                        span.who { (texts.public) }
                        a href=(page::sign_in::path_back_to(&visit.here)) { (texts.sign_in) }
                    }
                }
            }
            main #content tabindex="-1" data-live=[live] {
                @if let Some(notice) = visit.asked("notice").and_then(|notice| notice_of(visit.texts(), notice)) {
                    p.notice role="status" { (notice) }
                }
                @if let Some(worker) = visit.console.serving.stands_by() {
                    p.notice.waits role="status" { (texts.stands_by) " " (show::engine(&worker)) }
                }
                @if !trail.is_empty() {
                    nav.trail aria-label=(texts.trail) {
                        ol { @for (words, path) in &trail { li { a href=(path) { (show::line(words)) } } } }
                    }
                }
                h1 { (show::line(&title)) }
                (body)
            }
        },
    )
}

/// A page without navigation: for who is not signed in.
pub(super) fn bare(visit: &Visit, title: &str, body: &Markup) -> Markup {
    document(
        visit,
        title,
        &html! {
            main.bare #content {
                p.brand { "Raccord" }
                h1 { (title) }
                (body)
                (language(visit))
            }
        },
    )
}

fn document(visit: &Visit, title: &str, body: &Markup) -> Markup {
    let texts = visit.texts().frame;
    html! {
        (DOCTYPE)
        html lang=(reader::code(visit.reader.language)) {
            head {
                meta charset="utf-8";
                title { (show::plain(title)) " · Raccord" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href=(asset::path("icon.svg"));
                link rel="stylesheet" href=(asset::path("console.css"));
                script src=(asset::path("console.js")) defer {}
            }
            body {
                (body)
                // The script shows it; without one there are no keys to know of.
                dialog #keys aria-labelledby="keys-title" {
                    h2 #keys-title { (texts.keys) }
                    dl {
                        dt { kbd { "/" } } dd { (texts.key_search) }
                        @for entry in NAVIGATION {
                            dt { kbd { "g" } " " kbd { (entry.key) } } dd { ((entry.words)(visit.texts())) }
                        }
                        dt { kbd { "?" } } dd { (texts.key_help) }
                    }
                    form method="dialog" { button { (texts.close) } }
                }
            }
        }
    }
}

fn navigation(visit: &Visit, place: Place) -> Markup {
    html! {
        nav.main aria-label=(visit.texts().frame.navigation) {
            @for entry in NAVIGATION {
                a href=(entry.path) data-key=(entry.key) aria-current=[(entry.place == place).then_some("page")] {
                    ((entry.words)(visit.texts()))
                }
            }
        }
    }
}

/// The other languages, each in its own words.
fn language(visit: &Visit) -> Markup {
    let others =
        [Language::En, Language::Fr].into_iter().filter(|language| *language != visit.reader.language);
    html! {
        form.language method="post" action="/language" {
            input type="hidden" name="back" value=(visit.here);
            @for other in others {
                button.quiet type="submit" name="language" value=(reader::code(other)) lang=(reader::code(other)) {
                    (Texts::of(other).frame.language)
                }
            }
        }
    }
}

/// What says that a form is one of this session.
pub(super) fn csrf(visit: &Visit) -> Markup {
    html! { input type="hidden" name=(server::CSRF) value=(visit.reader.csrf); }
}

/// What was just done, in words: one of ours, whatever the address says.
fn notice_of(texts: &Texts, notice: &str) -> Option<&'static str> {
    let notices = texts.notice;
    match notice {
        "started" => Some(notices.started),
        "paused" => Some(notices.paused),
        "resumed" => Some(notices.resumed),
        "resynced" => Some(notices.resynced),
        "applied" => Some(notices.applied),
        "approved" => Some(notices.approved),
        "rolled-back" => Some(notices.rolled_back),
        "authorized" => Some(notices.authorized),
        _ => None,
    }
}
