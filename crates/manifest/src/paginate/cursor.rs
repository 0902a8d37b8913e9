//! Pages that name the one after them: a template finds its token in the answer, and a condition says when to stop.

use std::sync::Arc;

use serde_json::Value;

use super::{PageSeen, size};
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::template::{Context, Template};

#[derive(Debug, Clone)]
pub(super) struct CursorPagination {
    pub(super) size: Option<u32>,
    token: Template,
    stop: Option<Template>,
    reads_response: bool,
    /// The members of `response` that it reads; none where it reads the whole.
    members: Option<Vec<String>>,
    reads_headers: bool,
}

impl CursorPagination {
    pub(super) fn build(component: &Component, context: &Context) -> Result<Self, Problem> {
        let token = component.required("cursor_value", component.template("cursor_value")?)?;
        let stop = component.template("stop_condition")?.filter(|stop| !stop.source().is_empty());
        let size = size::fixed(component, context)?;
        let mentions = |name: &str| {
            let texts = [Some(&token), stop.as_ref()];
            texts.into_iter().flatten().any(|template| mentions(template.source(), name))
        };
        if size.is_none() && mentions("page_size") {
            return Err(component.invalid("page_size", "it is missing, and the templates read it"));
        }
        let (reads_response, reads_headers) = (mentions("response"), mentions("headers"));
        let members: Option<Vec<Vec<String>>> =
            [Some(&token), stop.as_ref()].into_iter().flatten().map(|it| it.members_of("response")).collect();
        let members = members.map(|members| members.concat());
        Ok(Self { size, token, stop, reads_response, members, reads_headers })
    }

    pub(super) fn next(&self, seen: &PageSeen<'_>, context: &Context) -> Result<Option<Value>, ReadError> {
        let context = self.context(seen, context);
        if let Some(stop) = &self.stop
            && stop.is_true(&context)?
        {
            return Ok(None);
        }
        Ok(Some(self.token.value(&context)?))
    }

    fn context(&self, seen: &PageSeen<'_>, context: &Context) -> Context {
        let mut context = seen.slice.context(context);
        if self.reads_response {
            context = context.with("response", &(seen.response)(self.members.as_deref()));
        }
        if self.reads_headers {
            context = context.with("headers", &(seen.headers)());
        }
        let last = seen.last_record.cloned().unwrap_or_default();
        let size = seen.reduced.or(self.size);
        context
            .with("last_record", &Arc::new(last))
            .with("last_page_size", &Arc::new(seen.kept.into()))
            .with("page_size", &Arc::new(size.map_or(Value::Null, Value::from)))
    }
}

/// Whether a template reads a variable: its name stands there as a word, and not as a member of something else.
fn mentions(template: &str, name: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    template.match_indices(name).any(|(at, _)| {
        let before = template.get(..at).and_then(|text| text.chars().next_back());
        let after = template.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(|character| is_word(character) || matches!(character, '.' | '\'' | '"'))
            && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_variable_is_a_word() {
        let check = |template: &str, expected: bool| {
            assert_eq!(mentions(template, "page_size"), expected, "{template}");
        };
        check("{{ page_size }}", true);
        check("{{ last_page_size < page_size }}", true);
        check("{{ last_page_size < 5 }}", false);
        check("{{ config['page_size'] }}", false);
        check("{{ response.page_size }}", false);
    }
}
