//! The YAML language: one Rust type a kind. The types are the schema; `schemas/` is generated from them.
//!
//! A type here is what may be *written*. [`crate::Resource`] is what it *means* once references are resolved.

pub mod authorization;
pub mod connector;
pub mod deletes;
pub mod document;
pub mod integration;
pub mod mapping;
pub mod project;
pub mod reference;
pub mod source;
pub mod stack;
pub mod store;
pub mod transfer;
pub mod webhook;

pub use authorization::AuthorizationSpec;
pub use connector::{ConnectorSettings, FileSettings, HttpSettings};
pub use deletes::Deletes;
pub use document::{API_VERSION, Document, Metadata, RENAMED_FROM};
pub use integration::{AlertSpec, Breaker, IntegrationSpec, SubscriptionSpec, UpdateType};
pub use mapping::{MappedField, MappingSpec, OnEmpty, OnMissing, Transform};
pub use project::{Entity, Field, FieldType, ProjectSpec};
pub use reference::ByNameOrInline;
pub use source::SourceSpec;
pub use stack::StackSpec;
pub use store::{Manage, Store, StoreType};
pub use transfer::{Mode, Schedule, TransferSpec};
pub use webhook::WebhookSpec;

/// For `skip_serializing_if`: a value that is its type's default is left out of the canonical form.
#[must_use]
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Takes a default out of an option where it is spelled out.
pub fn omit<T: PartialEq>(option: &mut Option<T>, default: &T) {
    if option.as_ref() == Some(default) {
        *option = None;
    }
}
