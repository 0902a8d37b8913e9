//! The pages, each a file, and the one table of them: the router is made from it, and tests go through it, so that no page
//! is served that the table does not guard.

mod action;
mod entry;
mod integration;
mod overview;
pub(super) mod problem;
pub(super) mod sign_in;
mod transfer;

pub(super) use transfer::path as path_of_transfer;

use std::sync::Arc;

use raccord_model::fact::Role;
use raccord_model::port::Async;

use super::answer::Answer;
use super::visit::Visit;
use crate::failure::Failure;

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
    get(sign_in::PATH, Guard::Open, |visit| Box::pin(std::future::ready(Ok(sign_in::show(&visit))))),
    post(sign_in::PATH, Guard::Open, |visit| Box::pin(sign_in::enter(visit))),
    // A session of whatever role ends.
    post("/sign-out", Guard::Role(Role::Metrics), |visit| Box::pin(sign_in::leave(visit))),
    post("/language", Guard::Open, |visit| Box::pin(std::future::ready(entry::language(&visit)))),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_page_has_a_place_of_its_own_and_is_guarded() {
        let places: BTreeSet<_> = PAGES.iter().map(|page| (page.method == Method::Post, page.path)).collect();
        assert_eq!(places.len(), PAGES.len());
        let open = PAGES.iter().filter(|page| page.guard == Guard::Open).map(|page| page.path);
        assert_eq!(open.collect::<BTreeSet<_>>(), BTreeSet::from([sign_in::PATH, "/language"]));
    }
}
