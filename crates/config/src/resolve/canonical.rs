//! Defaults that are spelled out, taken out again: with and without them the digest is the same.
//!
//! The defaults that hang on one field alone are left out by the types themselves, those of a connector by its settings;
//! those here hang on another field, or stand for an `Option`.

use raccord_model::language::store::{DEFAULT_SCHEMA, snake_case};
use raccord_model::language::webhook::HmacSpec;
use raccord_model::language::{ProjectSpec, Schedule, StackSpec, WebhookSpec, omit};

pub(super) fn stack(mut spec: StackSpec) -> StackSpec {
    if let Some(mail) = &mut spec.mail {
        omit(&mut mail.port, &mail.security.default_port());
    }
    spec
}

pub(super) fn project(mut spec: ProjectSpec) -> ProjectSpec {
    omit(&mut spec.store.schema, &DEFAULT_SCHEMA.to_owned());
    for (name, entity) in &mut spec.entities {
        omit(&mut entity.table, &snake_case(name.as_str()));
        for (name, field) in &mut entity.fields {
            omit(&mut field.column, &snake_case(name.as_str()));
        }
    }
    spec
}

pub(super) fn schedule(schedule: &mut Schedule) {
    omit(&mut schedule.timezone, &"UTC".to_owned());
}

pub(super) fn webhook(webhook: &mut WebhookSpec) {
    if let Some(hmac) = &mut webhook.verify.hmac {
        let default = HmacSpec { signed: None, ..hmac.clone() }.signed().to_owned();
        omit(&mut hmac.signed, &default);
    }
}
