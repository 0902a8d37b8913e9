//! The console: what `raccord watch --listen` shows a person in a browser. Pages are made here from the answers of the same
//! requests that the API and the command line ask, under the roles of the person's token; nothing here decides or reads a
//! state beside sessions.
//!
//! A page is a file in `page`, a line in `page::PAGES`, and a struct of its texts in `text`. Everything that a page shows
//! of foreign text goes through `show`. Every page works without a script: what a person does is a form and a redirect.

mod answer;
mod asset;
mod chart;
mod cookie;
mod download;
mod graph;
mod layout;
mod list;
mod live;
mod page;
mod payload;
mod plan;
mod reader;
mod run;
mod server;
mod session;
mod show;
mod standing;
mod text;
mod visit;

pub use page::{Served, served};
pub(crate) use server::{Console, Peer, router};
