//! The words of the console, in every language there is: each text is a field, so that one without its translation does
//! not compile. Each page has a struct of its own.

mod audit;
mod authorize;
mod both;
mod changes;
mod frame;
mod graph;
mod integration;
mod notice;
mod overview;
mod problem;
mod records;
mod rejects;
mod run;
mod sign_in;
mod time;
mod transfer;
mod word;

use raccord_model::language::integration::Language;

pub(super) use word::Words;

/// Every text of the console.
pub(super) struct Texts {
    /// Of the frame around every page.
    pub(super) frame: &'static frame::Frame,
    /// What was just done.
    pub(super) notice: &'static notice::Notice,
    /// Times and spans.
    pub(super) time: &'static time::Time,
    /// How things stand, in a word each.
    pub(super) word: &'static Words,
    /// Of the page that says why there is none.
    pub(super) problem: &'static problem::Problem,
    /// Of the page on which a person signs in.
    pub(super) sign_in: &'static sign_in::SignIn,
    /// Of the overview.
    pub(super) overview: &'static overview::Overview,
    /// Of the page of an integration.
    pub(super) integration: &'static integration::Integration,
    /// Of the page of a transfer.
    pub(super) transfer: &'static transfer::Transfer,
    /// Of the page on which a person agrees to an Authorization.
    pub(super) authorize: &'static authorize::Authorize,
    /// About runs.
    pub(super) run: &'static run::RunWords,
    /// Of the pages of records.
    pub(super) records: &'static records::Records,
    /// Of the pages of rejects.
    pub(super) rejects: &'static rejects::Rejects,
    /// Of the pages of changes.
    pub(super) changes: &'static changes::Changes,
    /// Of the page of the graph.
    pub(super) graph: &'static graph::Graph,
    /// Of the page of the audit log.
    pub(super) audit: &'static audit::Audit,
}

const EN: Texts = Texts {
    frame: &frame::EN,
    notice: &notice::EN,
    time: &time::EN,
    word: &word::EN,
    problem: &problem::EN,
    sign_in: &sign_in::EN,
    overview: &overview::EN,
    integration: &integration::EN,
    transfer: &transfer::EN,
    authorize: &authorize::EN,
    run: &run::EN,
    records: &records::EN,
    rejects: &rejects::EN,
    changes: &changes::EN,
    graph: &graph::EN,
    audit: &audit::EN,
};

const FR: Texts = Texts {
    frame: &frame::FR,
    notice: &notice::FR,
    time: &time::FR,
    word: &word::FR,
    problem: &problem::FR,
    sign_in: &sign_in::FR,
    overview: &overview::FR,
    integration: &integration::FR,
    transfer: &transfer::FR,
    authorize: &authorize::FR,
    run: &run::FR,
    records: &records::FR,
    rejects: &rejects::FR,
    changes: &changes::FR,
    graph: &graph::FR,
    audit: &audit::FR,
};

impl Texts {
    /// The texts of a language.
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &EN,
            Language::Fr => &FR,
        }
    }
}
