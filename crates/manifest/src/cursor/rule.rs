//! What a manifest says of a cursor over dates, before its templates have values.

use serde_json::Value;

use super::clamp::Clamp;
use super::datetime::{Bounds, DatetimeCursor};
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::Additions;
use crate::request::RequestOption;
use crate::slice::Slice;
use crate::template::{Context, Template};
use crate::time::{MinMaxDatetime, Period};

/// A manifest's `DatetimeBasedCursor`.
#[derive(Debug, Clone)]
pub struct DatetimeRule {
    field: Template,
    format: String,
    inputs: Vec<String>,
    start_name: Template,
    end_name: Template,
    start: MinMaxDatetime,
    end: Option<MinMaxDatetime>,
    lookback: Option<Template>,
    steps: Steps,
    clamp: Option<Template>,
    weekday: Option<String>,
    start_option: Option<RequestOption>,
    end_option: Option<RequestOption>,
    /// Whether all partitions share one state.
    pub global: bool,
}

/// How long slices are.
#[derive(Debug, Clone)]
struct Steps {
    step: Option<Template>,
    granularity: Option<Period>,
    strict: bool,
}

impl DatetimeRule {
    /// The rule that a component is.
    ///
    /// # Errors
    /// When a member of it is wrong or missing.
    pub fn build(component: &Component) -> Result<Self, Problem> {
        let format = component.required("datetime_format", component.str("datetime_format"))?.to_owned();
        let start = MinMaxDatetime::of(component, "start_datetime", &format)?;
        let option = |name| component.child(name).map(|option| RequestOption::new(&option)).transpose();
        let clamping = component.child("clamping");
        let details = clamping.as_ref().and_then(|clamping| clamping.get("target_details"));
        Ok(Self {
            field: component.required("cursor_field", component.template("cursor_field")?)?,
            inputs: formats(component, &format),
            start_name: name(component, "partition_field_start", "start_time")?,
            end_name: name(component, "partition_field_end", "end_time")?,
            start: component.required("start_datetime", start)?,
            end: MinMaxDatetime::of(component, "end_datetime", &format)?,
            lookback: filled(component, "lookback_window")?,
            steps: Steps::build(component)?,
            clamp: clamping.as_ref().map(|clamping| clamping.template("target")).transpose()?.flatten(),
            weekday: details.and_then(|details| details.get("weekday")?.as_str()).map(str::to_owned),
            start_option: option("start_time_option")?,
            end_option: option("end_time_option")?,
            global: component.bool("global_substream_cursor").unwrap_or(false),
            format,
        })
    }

    /// The cursor, its templates evaluated.
    ///
    /// # Errors
    /// When a template has no value, or one that is no date or duration.
    pub fn evaluate(&self, context: &Context) -> Result<DatetimeCursor, ReadError> {
        Ok(DatetimeCursor {
            field: self.field.text(context)?,
            format: self.format.clone(),
            inputs: self.inputs.clone(),
            bounds: Bounds { start: self.start_name.text(context)?, end: self.end_name.text(context)? },
            start: self.start.evaluate(context)?,
            end: self.end.as_ref().map(|end| end.evaluate(context)).transpose()?,
            lookback: period(self.lookback.as_ref(), context)?,
            step: period(self.steps.step.as_ref(), context)?,
            granularity: self.steps.granularity,
            clamp: self.clamp(context)?,
            strict: self.steps.strict,
        })
    }

    /// The member of records that the cursor reads.
    ///
    /// # Errors
    /// When the template of its name has no value.
    pub fn field(&self, context: &Context) -> Result<String, ReadError> {
        Ok(self.field.text(context)?)
    }

    /// Whether a partition may have several slices.
    pub fn is_stepped(&self) -> bool {
        self.steps.step.is_some()
    }

    fn clamp(&self, context: &Context) -> Result<Clamp, ReadError> {
        let Some(target) = &self.clamp else { return Ok(Clamp::Not) };
        let day = || self.weekday.as_deref().and_then(Clamp::weekday);
        match target.text(context)?.as_str() {
            "DAY" => Ok(Clamp::Day),
            "MONTH" => Ok(Clamp::Month),
            "WEEK" => {
                let unknown = || ReadError::Settings("clamping to weeks needs a `weekday`".to_owned());
                day().map(Clamp::Week).ok_or_else(unknown)
            }
            _ => Err(ReadError::Settings("bounds are clamped to DAY, WEEK or MONTH alone".to_owned())),
        }
    }

    /// What a request carries of a slice's bounds.
    ///
    /// # Errors
    /// When a template has no value.
    pub fn additions(&self, slice: &Slice, context: &Context) -> Result<Additions, ReadError> {
        let mut additions = Additions::default();
        for (option, name) in [(&self.start_option, &self.start_name), (&self.end_option, &self.end_name)] {
            if let Some(option) = option {
                let value = slice.cursor.get(&name.text(context)?).cloned();
                option.inject(&mut additions, value.unwrap_or(Value::Null), context)?;
            }
        }
        Ok(additions)
    }
}

impl Steps {
    fn build(component: &Component) -> Result<Self, Problem> {
        let granularity = component.str("cursor_granularity").filter(|text| !text.is_empty());
        let granularity = granularity.map(Period::parse).transpose();
        let granularity = granularity.map_err(|error| component.invalid("cursor_granularity", error))?;
        let step = filled(component, "step")?;
        if step.is_some() != granularity.is_some() {
            return Err(
                component.invalid("step", "either both `step` and `cursor_granularity` stand there, or none")
            );
        }
        Ok(Self { step, granularity, strict: component.bool("is_compare_strictly").unwrap_or(false) })
    }
}

/// The formats in which dates may come, that of the cursor last.
fn formats(component: &Component, format: &str) -> Vec<String> {
    let given = component.get("cursor_datetime_formats").and_then(Value::as_array);
    let given = given.into_iter().flatten().filter_map(Value::as_str);
    given.chain([format]).map(str::to_owned).collect()
}

/// The template of a member that is not empty.
fn filled(component: &Component, name: &str) -> Result<Option<Template>, Problem> {
    Ok(component.template(name)?.filter(|template| !template.source().is_empty()))
}

/// The template of a member, or of a default.
fn name(component: &Component, member: &str, default: &str) -> Result<Template, Problem> {
    match filled(component, member)? {
        Some(template) => Ok(template),
        None => component.template_of(member, default),
    }
}

/// The duration that a template gives; none where it is empty.
fn period(template: Option<&Template>, context: &Context) -> Result<Option<Period>, ReadError> {
    let Some(template) = template else { return Ok(None) };
    let text = template.text(context)?;
    if text.is_empty() {
        return Ok(None);
    }
    let fail = |error| ReadError::Settings(format!("the template `{}`: {error}", template.source()));
    Period::parse(&text).map(Some).map_err(fail)
}
