//! One data type of a source, ready to be read: what others may know of it, whichever connector reads it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use raccord_model::checkpoint::SourceState;
use raccord_model::field_path::FieldPath;
use raccord_model::port::records::Page;

use super::cursor::{FieldCursor, IncrementalCursor};
use super::reading::Rules;
use super::token::TokenCursor;

/// What a connector's own type of a stream answers.
pub trait Component: Any + fmt::Debug + Send + Sync {
    /// Whether the pages of the data type, or of one of its parents, are asked for by their position: then a record
    /// that comes or goes at the service moves the others from page to page.
    fn is_positional(&self) -> bool {
        false
    }

    /// Whether each record of another data type, or each value of a list, leads to a partition of its own.
    fn has_parent(&self) -> bool {
        false
    }

    /// How often a window is read at the most until it is clean, the first time included.
    fn attempts(&self) -> u32 {
        1
    }

    /// How only what has changed is asked for; `None` when everything is read every time.
    fn cursor(&self) -> Option<&IncrementalCursor> {
        None
    }

    /// Whether the source says by a state of its own what it has read ([`Page::state`]), and reads from there on what
    /// has changed since.
    fn keeps_state(&self) -> bool {
        false
    }

    /// What such a state says, for people. It is asked for lists of thousands of transfers, so that no stream has to be
    /// lowered for it.
    fn describe(_state: &SourceState) -> Option<String>
    where
        Self: Sized,
    {
        None
    }

    /// The member that says of each record whether it was deleted, where the source itself adds one.
    fn deleted(&self) -> Option<&FieldPath> {
        None
    }

    /// Whether every field of the records is a text, as in a CSV.
    fn has_texts_alone(&self) -> bool {
        false
    }

    /// What a first page shows about the settings, a sentence each.
    fn remarks(&self, _page: &Page) -> Vec<String> {
        Vec::new()
    }
}

/// One data type of a source, ready to be executed. Cloning it shares it.
#[derive(Debug, Clone)]
pub struct Stream {
    connector: &'static str,
    component: Arc<dyn Component>,
}

impl Stream {
    /// The stream that a connector made.
    pub(super) fn new(connector: &'static str, component: impl Component) -> Self {
        Self { connector, component: Arc::new(component) }
    }

    /// The name of the connector that reads it.
    pub const fn connector(&self) -> &'static str {
        self.connector
    }

    /// The stream as that of one connector: for that connector's own code.
    pub fn get<T: Component>(&self) -> Option<Arc<T>> {
        let component = Arc::clone(&self.component);
        let any: Arc<dyn Any + Send + Sync> = component;
        any.downcast().ok()
    }

    /// See [`Component::is_positional`].
    pub fn is_positional(&self) -> bool {
        self.component.is_positional()
    }

    /// See [`Component::has_parent`].
    pub fn has_parent(&self) -> bool {
        self.component.has_parent()
    }

    /// See [`Component::attempts`].
    pub fn attempts(&self) -> u32 {
        self.component.attempts()
    }

    /// See [`Component::cursor`].
    pub fn cursor(&self) -> Option<&IncrementalCursor> {
        self.component.cursor()
    }

    /// The rules by which the data type is read.
    pub fn rules(&self) -> Rules<'_> {
        Rules {
            cursor: self.cursor(),
            keeps_state: self.component.keeps_state(),
            positional: self.is_positional(),
            partitioned: self.has_parent(),
        }
    }

    /// The field of the records that says how far a reading came, when it is one.
    pub fn field_cursor(&self) -> Option<&FieldCursor> {
        self.cursor().and_then(IncrementalCursor::field)
    }

    /// The token of the service that says so, when it is one.
    pub fn token_cursor(&self) -> Option<&TokenCursor> {
        self.cursor().and_then(IncrementalCursor::token)
    }

    /// See [`Component::deleted`].
    pub fn deleted(&self) -> Option<&FieldPath> {
        self.component.deleted()
    }

    /// See [`Component::has_texts_alone`].
    pub fn has_texts_alone(&self) -> bool {
        self.component.has_texts_alone()
    }

    /// See [`Component::remarks`].
    pub fn remarks(&self, page: &Page) -> Vec<String> {
        self.component.remarks(page)
    }
}
