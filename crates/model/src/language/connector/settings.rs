//! What every connector's settings are and answer. It reads nothing and knows no connector by name.

use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::Value;

use super::{ConnectorInfo, HttpSettings};
use crate::name::DataTypeName;
use crate::rate::Rate;
use crate::rule::Rule;

/// What the settings of a source answer, whichever connector they belong to. Their data types stand in a member
/// `dataTypes`, by their names.
pub trait Settings: Any + fmt::Debug + Send + Sync {
    /// The data types that the settings describe.
    fn data_types(&self) -> Vec<&DataTypeName>;

    /// What a checkpoint of a data type depends on. Settings that say nothing about what was read are left out; the
    /// value is kept, so what it is for given settings must stay as it is from version to version.
    ///
    /// # Errors
    /// When the settings have no form in JSON.
    fn fingerprint(&self, data_type: &DataTypeName) -> Result<Value, serde_json::Error>;

    /// The same in the forms in which a version before has kept it for these settings: a checkpoint of then is good.
    ///
    /// # Errors
    /// When the settings have no form in JSON.
    fn earlier_fingerprints(&self, _data_type: &DataTypeName) -> Result<Vec<Value>, serde_json::Error> {
        Ok(Vec::new())
    }

    /// Takes out defaults that are spelled out but hang on something else than their own field, so that both spellings
    /// have one digest. `rebase` makes a path relative to the root of the stack.
    fn make_canonical(&mut self, rebase: &dyn Fn(&str) -> String);

    /// The URL that every request begins with, when there are requests.
    fn base_url(&self) -> Option<&str> {
        None
    }

    /// Other origins that an answer may lead to.
    fn allowed_origins(&self) -> Vec<&str> {
        Vec::new()
    }

    /// At most so many requests in a period.
    fn rate_limit(&self) -> Option<Rate> {
        None
    }

    /// The data type whose records decide what is asked of this one.
    fn parent_of(&self, _data_type: &str) -> Option<&DataTypeName> {
        None
    }

    /// Whether it is a database that is reached: with an Authorization of type database, and no other.
    fn is_database(&self) -> bool {
        false
    }

    /// How the service is asked that pushes to a source with a `webhook`: for the record that a delivery names, and to
    /// register the webhook. A connector that gives none has no webhooks.
    fn webhooks(&self) -> Option<&HttpSettings> {
        None
    }
}

/// A kind of connector: the type of its settings.
pub trait Connector:
    Settings + Clone + PartialEq + Serialize + DeserializeOwned + JsonSchema + Send + Sync
{
    /// Its entry of the catalogue.
    const INFO: ConnectorInfo;

    /// What a change of its settings means for the data, by their paths from `config` on. What no rule is about reads
    /// again. A data type has a rule already, at `config.dataTypes.*`.
    const RULES: &'static [Rule] = &[];
}

/// The settings of one connector; `connector` tells which.
///
/// ```
/// use raccord_model::language::connector::{ConnectorSettings, FileSettings};
///
/// let settings = FileSettings { data_types: [].into() };
/// let settings = ConnectorSettings::from(settings);
/// assert_eq!(settings.info().name, "file");
/// assert!(settings.get::<FileSettings>().is_some());
/// ```
pub struct ConnectorSettings(Box<dyn AnyConnector>);

/// A connector without its type: what [`ConnectorSettings`] needs beside the answers.
trait AnyConnector: Settings + erased_serde::Serialize {
    fn info(&self) -> &'static ConnectorInfo;
    fn boxed(&self) -> Box<dyn AnyConnector>;
    fn is_equal(&self, other: &dyn Any) -> bool;
}

impl<T: Connector> AnyConnector for T {
    fn info(&self) -> &'static ConnectorInfo {
        &T::INFO
    }

    fn boxed(&self) -> Box<dyn AnyConnector> {
        Box::new(self.clone())
    }

    fn is_equal(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>() == Some(self)
    }
}

impl ConnectorSettings {
    /// The entry of the catalogue that these settings belong to.
    pub fn info(&self) -> &'static ConnectorInfo {
        self.0.info()
    }

    /// The settings as those of one connector: for that connector's own code.
    pub fn get<T: Connector>(&self) -> Option<&T> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }
}

impl ConnectorSettings {
    /// The settings as those of one connector, to be changed.
    pub fn get_mut<T: Connector>(&mut self) -> Option<&mut T> {
        let any: &mut dyn Any = &mut *self.0;
        any.downcast_mut()
    }
}

impl<T: Connector> From<T> for ConnectorSettings {
    fn from(settings: T) -> Self {
        Self(Box::new(settings))
    }
}

impl Deref for ConnectorSettings {
    type Target = dyn Settings;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl DerefMut for ConnectorSettings {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.0
    }
}

impl fmt::Debug for ConnectorSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Clone for ConnectorSettings {
    fn clone(&self) -> Self {
        Self(self.0.boxed())
    }
}

impl PartialEq for ConnectorSettings {
    fn eq(&self, other: &Self) -> bool {
        let other: &dyn Any = &*other.0;
        self.0.is_equal(other)
    }
}

impl Eq for ConnectorSettings {}

impl Serialize for ConnectorSettings {
    /// `connector` and `config`, which stand beside the other members of a Source.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// The settings as any serializer takes them.
        struct Config<'a>(&'a dyn AnyConnector);
        impl Serialize for Config<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                erased_serde::serialize(self.0, serializer)
            }
        }
        let mut members = serializer.serialize_struct("ConnectorSettings", 2)?;
        members.serialize_field("connector", self.info().name)?;
        members.serialize_field("config", &Config(&*self.0))?;
        members.end()
    }
}
