//! The pages, each a file, and the one table of them: the router is made from it, and tests go through it, so that no page
//! is served that the table does not guard.

mod action;
mod audit;
mod authorize;
mod changes;
mod entry;
mod graph;
mod integration;
mod openid;
mod overview;
pub(super) mod problem;
mod records;
mod rejects;
pub(super) mod sign_in;
mod transfer;

pub(super) use transfer::path as path_of_transfer;

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use raccord_model::fact::Role;
use raccord_model::port::Async;

use super::answer::Answer;
use super::live;
use super::visit::Visit;
use crate::failure::{Failure, FailureCode};

/// What answers a visit.
type Handler = fn(Arc<Visit>) -> Async<'static, Result<Answer, Failure>>;

/// A page, or what a form of one does.
pub(super) struct Page {
    /// How it is asked.
    pub(super) method: Method,
    /// Where; a part in braces is a parameter.
    pub(super) path: &'static str,
    /// Who may ask. What it asks the engine is looked at again there.
    pub(super) guard: Guard,
    /// What answers.
    pub(super) answer: Handler,
}

/// How a page is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Looks only.
    Get,
    /// A form: it comes from a page of ours, and of the same session.
    Post,
}

/// Who may ask for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// Every client that reaches the address.
    Open,
    /// A person who is signed in with a token that includes the role.
    Role(Role),
}

const fn get(path: &'static str, guard: Guard, answer: Handler) -> Page {
    Page { method: Method::Get, path, guard, answer }
}

const fn post(path: &'static str, guard: Guard, answer: Handler) -> Page {
    Page { method: Method::Post, path, guard, answer }
}

const READ: Guard = Guard::Role(Role::Read);
const OPERATE: Guard = Guard::Role(Role::Operate);
const PLAN: Guard = Guard::Role(Role::Plan);
const APPLY: Guard = Guard::Role(Role::Apply);

/// Every page.
pub(super) const PAGES: &[Page] = &[
    get("/", READ, |visit| Box::pin(overview::show(visit))),
    get("/integrations/{name}", READ, |visit| Box::pin(integration::show(visit))),
    post("/integrations/{name}/run", OPERATE, |visit| Box::pin(action::run(visit))),
    post("/integrations/{name}/pause", OPERATE, |visit| Box::pin(action::pause(visit))),
    post("/integrations/{name}/resume", OPERATE, |visit| Box::pin(action::resume(visit))),
    post("/integrations/{name}/test-alert", OPERATE, |visit| Box::pin(action::test_alert(visit))),
    get("/transfers/{name}", READ, |visit| Box::pin(transfer::show(visit))),
    post("/transfers/{name}/resync", OPERATE, |visit| Box::pin(action::resync(visit))),
    get("/records", READ, |visit| Box::pin(records::entities(visit))),
    get("/records/{entity}", READ, |visit| Box::pin(records::list(visit))),
    get("/records/{entity}/record", READ, |visit| Box::pin(records::record(visit))),
    get("/records/{entity}/download", READ, |visit| Box::pin(records::download(visit))),
    get("/rejects", READ, |visit| Box::pin(rejects::groups(visit))),
    get("/rejects/groups/{id}", READ, |visit| Box::pin(rejects::group(visit))),
    get("/rejects/{id}", READ, |visit| Box::pin(rejects::reject(visit))),
    post("/rejects/replay", OPERATE, |visit| Box::pin(rejects::replay(visit))),
    get("/changes", READ, |visit| Box::pin(changes::overview(visit))),
    post("/changes/apply", APPLY, |visit| Box::pin(changes::apply(visit))),
    post("/changes/approve", OPERATE, |visit| Box::pin(changes::approve(visit))),
    get("/changes/{number}", READ, |visit| Box::pin(changes::difference(visit))),
    get("/changes/{number}/rollback", PLAN, |visit| Box::pin(changes::rollback_plan(visit))),
    post("/changes/{number}/rollback", APPLY, |visit| Box::pin(changes::rollback(visit))),
    get("/graph", READ, |visit| Box::pin(graph::show(visit))),
    get("/audit", READ, |visit| Box::pin(audit::show(visit))),
    post("/authorizations/{name}/authorize", OPERATE, |visit| Box::pin(authorize::begin(visit))),
    get(authorize::CALLBACK, OPERATE, |visit| Box::pin(authorize::come_back(visit))),
    post(authorize::FINISH, OPERATE, |visit| Box::pin(authorize::finish(visit))),
    get("/events", READ, |visit| Box::pin(std::future::ready(live::follow(&visit).map(Answer::Whole)))),
    get(sign_in::PATH, Guard::Open, |visit| Box::pin(std::future::ready(Ok(sign_in::show(&visit))))),
    post(sign_in::PATH, Guard::Open, |visit| Box::pin(sign_in::enter(visit))),
    get(openid::PATH, Guard::Open, |visit| Box::pin(openid::redirect_to_provider(visit))),
    get(openid::CALLBACK, Guard::Open, |visit| Box::pin(openid::callback(visit))),
    // A session of whatever role ends.
    post("/sign-out", Guard::Role(Role::Metrics), |visit| Box::pin(sign_in::leave(visit))),
    post("/language", Guard::Open, |visit| Box::pin(std::future::ready(entry::language(&visit)))),
];

/// Whether the form says that its sender is sure: what touches data asks first.
fn sure(visit: &Visit) -> Result<(), Failure> {
    match visit.field("sure") {
        Some(_) => Ok(()),
        None => Err(Failure::new(FailureCode::Invalid, "sure: the box was not ticked")),
    }
}

/// A field that a form has to have.
fn needed<T: FromStr<Err: Display>>(visit: &Visit, name: &str) -> Result<T, Failure> {
    visit.filled(name)?.ok_or_else(|| Failure::new(FailureCode::Invalid, format!("{name}: it is missing")))
}

/// A mistake in what was asked for.
fn invalid(error: impl Display) -> Failure {
    Failure::new(FailureCode::Invalid, error.to_string())
}

/// A page as it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Whether it is a form that does something.
    pub is_form: bool,
    /// Where; a part in braces is a parameter.
    pub path: &'static str,
    /// The role that it needs; none for what every client may ask.
    pub role: Option<Role>,
}

/// Every page that is served, for tests that go through all of them.
pub fn served() -> impl Iterator<Item = Served> {
    PAGES.iter().map(|page| Served {
        is_form: page.method == Method::Post,
        path: page.path,
        role: if let Guard::Role(role) = page.guard { Some(role) } else { None },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_page_has_a_place_of_its_own_and_is_guarded() {
        let places: BTreeSet<_> = PAGES.iter().map(|page| (page.method == Method::Post, page.path)).collect();
        assert_eq!(places.len(), PAGES.len());
        let open = PAGES.iter().filter(|page| page.guard == Guard::Open).map(|page| page.path);
        assert_eq!(
            open.collect::<BTreeSet<_>>(),
            BTreeSet::from([sign_in::PATH, openid::PATH, openid::CALLBACK, "/language"])
        );
    }
}
