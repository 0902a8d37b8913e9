//! Tripped integrations in a plan: who starts again because the failing part changes, and who stays tripped.

use std::collections::BTreeMap;

use raccord_model::fact::{Trip, Uid};
use raccord_model::language::ByNameOrInline;
use raccord_model::{Desired, Key, Kind};

use crate::current::Current;
use crate::diff::Draft;
use crate::pairing::Pairing;
use crate::plan::Note;

/// What a trip is looked at with.
pub(crate) struct Trips<'d, 'a> {
    desired: &'d Desired,
    current: &'d Current,
    pairing: &'d Pairing<'a>,
    /// The drafts, by the key that is wanted.
    drafts: BTreeMap<&'d Key, &'d Draft<'a>>,
}

impl<'d, 'a> Trips<'d, 'a> {
    pub(crate) fn of(
        desired: &'d Desired,
        current: &'d Current,
        pairing: &'d Pairing<'a>,
        drafts: &'d [Draft<'a>],
    ) -> Self {
        let drafts = drafts.iter().map(|draft| (draft.pair.key, draft)).collect();
        Self { desired, current, pairing, drafts }
    }

    /// One note for every tripped integration that the plan leaves in place.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let facts = self.current.facts.integrations.iter();
        facts.filter_map(|(uid, fact)| self.note(*uid, fact.trip.as_ref()?)).collect()
    }

    fn note(&self, uid: Uid, trip: &Trip) -> Option<Note> {
        let known = |(key, entry): &(&Key, &raccord_model::fact::Entry)| {
            key.kind == Kind::Integration && entry.uid == uid
        };
        let (old, _) = self.current.index.iter().find(known)?;
        let key = self.now(old);
        let draft = self.drafts.get(key).copied();
        if draft.is_some_and(|draft| draft.new.is_none()) {
            return None;
        }
        let integration = key.name.clone();
        let failing = Key::new(Kind::Transfer, trip.transfer.clone());
        let failing = self.now(&failing);
        let transfer = failing.name.clone();
        Some(match self.because(draft, failing) {
            Some(because) => Note::Resumes { uid, integration, transfer, because },
            None => Note::StaysTripped { uid, integration, transfer, cause: trip.cause.to_string() },
        })
    }

    /// The key after the plan; that of the state when the rename is not part of it.
    fn now<'k>(&'k self, old: &'k Key) -> &'k Key {
        let new = self.pairing.new_key(old);
        if self.drafts.contains_key(new) { new } else { old }
    }

    /// The part whose change is a reason to try again.
    fn because(&self, integration: Option<&Draft<'_>>, failing: &Key) -> Option<Key> {
        let restarts = |draft: &&Draft<'_>| draft.touches(&["breaker"]) || draft.touches(&["subscriptions"]);
        if let Some(draft) = integration.filter(restarts) {
            return Some(draft.pair.key.clone());
        }
        let draft = |key: &Key| self.drafts.get(key).copied();
        if draft(failing).is_some_and(|draft| draft.touches_beyond(&["active", "schedule", "protect"])) {
            return Some(failing.clone());
        }
        let transfer = self.desired.transfer(&failing.name)?;
        let project = Key::new(Kind::Project, transfer.to.project.clone());
        if draft(&project).is_some_and(|draft| draft.touches(&["entities", transfer.to.entity.as_str()])) {
            return Some(project);
        }
        let source = Key::new(Kind::Source, transfer.source.clone());
        if draft(&source).is_some_and(|draft| draft.touches_beyond(&["protect"])) {
            return Some(source);
        }
        let authorization = self.desired.source(&source.name)?.authorization.as_ref();
        let authorization =
            Key::new(Kind::Authorization, authorization.and_then(ByNameOrInline::name)?.clone());
        draft(&authorization).is_some_and(|draft| draft.touches_beyond(&[])).then_some(authorization)
    }
}

impl Draft<'_> {
    /// Whether something changes below a path inside `spec`.
    fn touches(&self, path: &[&str]) -> bool {
        let below = |field: &[String]| {
            field.split_first().is_some_and(|(first, rest)| {
                first == "spec"
                    && path.len() <= rest.len()
                    && path.iter().zip(rest).all(|(wanted, found)| wanted == found)
            })
        };
        self.old.is_some() && self.fields.iter().any(|field| below(&field.path))
    }

    /// Whether something changes in `spec` beside some of its members.
    fn touches_beyond(&self, members: &[&str]) -> bool {
        self.old.is_some()
            && self.fields.iter().any(|field| {
                matches!(field.path.as_slice(), [spec, member, ..]
                    if spec == "spec" && !members.contains(&member.as_str()))
            })
    }
}
