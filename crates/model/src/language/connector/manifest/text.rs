//! The text of a manifest, with what was made of it: a configuration is cloned often and looked at for each of its data types, and
//! a manifest may be large. It knows nothing of what is made.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is shared by its clones, and one value that was made of it. Equality and all written forms are those of the
/// text alone.
#[derive(Clone, Default)]
pub struct ManifestText(Arc<Inner>);

#[derive(Default)]
struct Inner {
    text: String,
    made: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl ManifestText {
    /// What `make` makes of the text: once for this text and all of its clones, as long as they ask for the same type.
    ///
    /// ```
    /// use raccord_model::language::connector::manifest::ManifestText;
    ///
    /// let text = ManifestText::from("a: 1".to_owned());
    /// let length = text.made(str::len);
    /// assert!(std::sync::Arc::ptr_eq(&length, &text.clone().made(|_| 0)));
    /// ```
    pub fn made<T: Any + Send + Sync>(&self, make: impl Fn(&str) -> T) -> Arc<T> {
        let known = self.0.made.get_or_init(|| Arc::new(make(&self.0.text)));
        Arc::clone(known).downcast().unwrap_or_else(|_| Arc::new(make(&self.0.text)))
    }
}

impl From<String> for ManifestText {
    fn from(text: String) -> Self {
        Self(Arc::new(Inner { text, made: OnceLock::new() }))
    }
}

impl Deref for ManifestText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for ManifestText {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }
}

impl Eq for ManifestText {}

impl fmt::Debug for ManifestText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.text.fmt(f)
    }
}

impl Serialize for ManifestText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for ManifestText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
