//! `MinMaxDatetime`: a date that a template gives, kept between two others. It takes the format from the component
//! around it where it has none of its own.

use super::{DateTime, parse};
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::template::{Context, Template};

/// The format of a date where nothing names one.
const FORMAT: &str = "%Y-%m-%dT%H:%M:%S.%f%z";

/// A date out of templates.
#[derive(Debug, Clone)]
pub struct MinMaxDatetime {
    date: Template,
    format: String,
    least: Option<Template>,
    greatest: Option<Template>,
}

impl MinMaxDatetime {
    /// The date that a member of a component is: a text or a `MinMaxDatetime`. `format` is that of the component.
    ///
    /// # Errors
    /// When it is neither, or holds what is no template.
    pub fn of(component: &Component, name: &str, format: &str) -> Result<Option<Self>, Problem> {
        let Some(child) = component.child(name) else {
            let plain = |date| Self { date, format: format.to_owned(), least: None, greatest: None };
            return Ok(component.template(name)?.map(plain));
        };
        let own = child.str("datetime_format").filter(|format| !format.is_empty());
        let bound = |name| Ok(child.template(name)?.filter(|template| !template.source().is_empty()));
        Ok(Some(Self {
            date: child.required("datetime", child.template("datetime")?)?,
            format: own.unwrap_or(if format.is_empty() { FORMAT } else { format }).to_owned(),
            least: bound("min_datetime")?,
            greatest: bound("max_datetime")?,
        }))
    }

    /// The date now.
    ///
    /// # Errors
    /// When a template has no value or a text is no date of the format.
    pub fn evaluate(&self, context: &Context) -> Result<DateTime, ReadError> {
        let date = self.read(&self.date, context)?;
        let least = self.bound(self.least.as_ref(), context)?;
        let greatest = self.bound(self.greatest.as_ref(), context)?;
        let date = least.map_or(date, |least| date.max(least));
        Ok(greatest.map_or(date, |greatest| date.min(greatest)))
    }

    fn bound(&self, template: Option<&Template>, context: &Context) -> Result<Option<DateTime>, ReadError> {
        let Some(template) = template else { return Ok(None) };
        if template.text(context)?.is_empty() {
            return Ok(None);
        }
        self.read(template, context).map(Some)
    }

    fn read(&self, template: &Template, context: &Context) -> Result<DateTime, ReadError> {
        let text = template.text(context)?;
        let fail = |error| ReadError::Settings(format!("the template `{}`: {error}", template.source()));
        parse(&text, &self.format).map_err(fail)
    }
}
