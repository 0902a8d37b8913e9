//! Equality and order as Python has them: numbers of every kind among themselves, and no order between kinds.

use std::cmp::Ordering;

use super::value::{Fault, Value, type_fault};

impl Value<'_> {
    /// Python's `==`.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Undefined(_), Self::Undefined(_)) | (Self::None, Self::None) => true,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::DateTime(one), Self::DateTime(two)) => {
                one == two && one.offset().is_some() == two.offset().is_some()
            }
            (Self::Date(one), Self::Date(two)) => one == two,
            (Self::Period(one), Self::Period(two)) => one == two,
            (Self::Function(one), Self::Function(two)) => one == two,
            (Self::Tuple(one), Self::Tuple(two)) => same(one, two),
            _ => match (self.sequence(), other.sequence()) {
                (Some(one), Some(two)) => same(&one, &two),
                _ => self
                    .same_members(other)
                    .unwrap_or_else(|| self.number_order(other) == Some(Ordering::Equal)),
            },
        }
    }

    fn same_members(&self, other: &Self) -> Option<bool> {
        let (one, two) = (self.members()?, other.members()?);
        let held = |key: &Self, value: &Self| other.member(key).is_some_and(|found| found.equals(value));
        Some(one.len() == two.len() && one.iter().all(|(key, value)| held(key, value)))
    }

    /// The items of a list.
    fn sequence(&self) -> Option<Vec<Self>> {
        match self {
            Self::Array(items) => Some(items.iter().map(Self::from).collect()),
            Self::List(items) => Some(items.borrow().clone()),
            _ => None,
        }
    }

    fn number_order(&self, other: &Self) -> Option<Ordering> {
        if let (Some(one), Some(two)) = (self.small(), other.small()) {
            return Some(one.cmp(&two));
        }
        match (self.integer(), other.integer()) {
            (Some(one), Some(two)) => Some(one.cmp(&two)),
            _ => self.float()?.partial_cmp(&other.float()?),
        }
    }

    /// Python's order of two values.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn order(&self, other: &Self) -> Result<Option<Ordering>, Fault> {
        let between = || type_fault(format!("compares a `{}` with a `{}`", self.kind(), other.kind()));
        match (self, other) {
            (Self::Undefined(name), _) | (_, Self::Undefined(name)) => Err(Self::missing(name)),
            (Self::Text(one), Self::Text(two)) => Ok(Some(one.cmp(two))),
            (Self::DateTime(one), Self::DateTime(two))
                if one.offset().is_some() != two.offset().is_some() =>
            {
                between()
            }
            (Self::DateTime(one), Self::DateTime(two)) | (Self::Date(one), Self::Date(two)) => {
                Ok(Some(one.cmp(two)))
            }
            (Self::Period(one), Self::Period(two)) => match (one.micros(), two.micros()) {
                (Some(one), Some(two)) => Ok(Some(one.cmp(&two))),
                _ => between(),
            },
            (Self::Tuple(one), Self::Tuple(two)) => first_difference(one, two),
            _ => match (self.sequence(), other.sequence()) {
                (Some(one), Some(two)) => first_difference(&one, &two),
                _ if self.float().is_some() && other.float().is_some() => Ok(self.number_order(other)),
                _ => between(),
            },
        }
    }

    /// Python's `in`: whether it holds an item, a key or a part of a text.
    pub(super) fn contains(&self, item: &Self) -> Result<bool, Fault> {
        match (self, item) {
            (Self::Undefined(_), _) => Ok(false),
            (Self::Text(text), Self::Text(part)) => Ok(text.contains(part.as_ref())),
            (Self::Text(_), other) => type_fault(format!("looks for a `{}` in a text", other.kind())),
            (Self::Tuple(items), _) => Ok(items.iter().any(|known| known.equals(item))),
            (mapping, key) if mapping.is_mapping() => {
                if !key.hashable() {
                    return type_fault(format!("looks for a `{}` among keys", key.kind()));
                }
                Ok(mapping.member(key).is_some())
            }
            (other, _) => match other.sequence() {
                Some(items) => Ok(items.iter().any(|known| known.equals(item))),
                None => type_fault(format!("looks into a `{}`", other.kind())),
            },
        }
    }
}

fn same<'a>(one: &[Value<'a>], two: &[Value<'a>]) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.equals(two))
}

fn first_difference<'a>(one: &[Value<'a>], two: &[Value<'a>]) -> Result<Option<Ordering>, Fault> {
    match one.iter().zip(two).find(|(one, two)| !one.equals(two)) {
        Some((one, two)) => one.order(two),
        None => Ok(Some(one.len().cmp(&two.len()))),
    }
}
