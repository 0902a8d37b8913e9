//! `${var:NAME}` in a text: replaced by the variable's value. `$$` is a dollar, a lone `$` stays.
//!
//! References to secrets are refused here: they stand in secret fields alone, which never pass this way.

use std::borrow::Cow;
use std::collections::BTreeMap;

use raccord_model::diagnostic::Code;
use raccord_model::secret::is_variable_name;
use raccord_model::suggest;

/// What `${var:NAME}` stands for, by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// Why a text cannot be interpolated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Where the reference begins in the text, in characters.
    pub(crate) offset: usize,
    /// How long it is, in characters.
    pub(crate) length: usize,
}

/// The text with its variables replaced.
pub(crate) fn interpolate<'a>(text: &'a str, variables: &Variables) -> Result<Cow<'a, str>, Trouble> {
    let Some(first) = text.find('$') else {
        return Ok(Cow::Borrowed(text));
    };
    let mut result = String::with_capacity(text.len());
    let (before, mut rest) = text.split_at(first);
    result.push_str(before);
    while let Some(dollar) = rest.find('$') {
        let (plain, from_dollar) = rest.split_at(dollar);
        result.push_str(plain);
        if let Some(after) = from_dollar.strip_prefix("$$") {
            result.push('$');
            rest = after;
        } else if let Some(inside) = from_dollar.strip_prefix("${") {
            let end = inside.find('}').unwrap_or(inside.len());
            let value = resolve(&inside[..end], end < inside.len(), variables)
                .map_err(|trouble| trouble.at(text, from_dollar, end))?;
            result.push_str(value);
            rest = inside.get(end + 1..).unwrap_or_default();
        } else {
            result.push('$');
            rest = &from_dollar[1..];
        }
    }
    result.push_str(rest);
    Ok(Cow::Owned(result))
}

impl Trouble {
    fn new(code: Code, message: String, help: Option<String>) -> Self {
        Self { code, message, help, offset: 0, length: 1 }
    }

    /// The same, at the reference whose inside has `end` bytes.
    fn at(mut self, whole: &str, from_dollar: &str, end: usize) -> Self {
        let before = whole.len() - from_dollar.len();
        self.offset = whole.get(..before).map_or(0, |text| text.chars().count());
        let reference = from_dollar.get(..end + 3).unwrap_or(from_dollar);
        self.length = reference.chars().count();
        self
    }
}

/// The value of what stands between `${` and `}`.
fn resolve<'v>(inside: &str, is_closed: bool, variables: &'v Variables) -> Result<&'v str, Trouble> {
    const DOLLAR: &str = "write $${ when a dollar and a brace are meant";
    if !is_closed {
        let message = "a reference that begins with `${` has no `}`".to_owned();
        return Err(Trouble::new(Code::InvalidValue, message, Some(DOLLAR.to_owned())));
    }
    match inside.split_once(':') {
        Some(("var", name)) if is_variable_name(name) => {
            variables.get(name).map(String::as_str).ok_or_else(|| unset(name, variables))
        }
        Some(("var", name)) => {
            let message = format!("`{name}` cannot name a variable");
            let help = "use letters, digits and underscores, not beginning with a digit".to_owned();
            Err(Trouble::new(Code::InvalidValue, message, Some(help)))
        }
        Some((sort @ ("env" | "file" | "vault" | "cmd"), _)) => {
            let message = format!("`${{{sort}:…}}` refers to a secret and may stand in secret fields only");
            let help = "use ${var:NAME} with a variable of the stack or --var here".to_owned();
            Err(Trouble::new(Code::MisplacedReference, message, Some(help)))
        }
        _ => {
            let message = "this is not a reference that Raccord knows".to_owned();
            let meant = is_variable_name(inside).then(|| format!("did you mean `${{var:{inside}}}`? "));
            let meant = meant.unwrap_or_default();
            let help = format!(
                "{meant}the references are ${{var:NAME}}, and of secrets ${{env:NAME}}, ${{file:PATH}}, ${{vault:PATH#KEY}} and ${{cmd:PROGRAM …}}; {DOLLAR}"
            );
            Err(Trouble::new(Code::InvalidValue, message, Some(help)))
        }
    }
}

fn unset(name: &str, variables: &Variables) -> Trouble {
    let help = suggest::nearest(name, variables.keys().map(String::as_str)).map_or_else(
        || format!("set it under `spec.variables` of the Stack, or with --var {name}=VALUE"),
        |meant| format!("did you mean `{meant}`?"),
    );
    Trouble::new(Code::UnsetVariable, format!("the variable `{name}` has no value"), Some(help))
}

/// The text that interpolation turns into `text`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains("$$") && !text.contains("${") {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len() + 4);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        result.push(character);
        if character == '$' && characters.peek().is_some_and(|next| matches!(next, '$' | '{')) {
            result.push('$');
        }
    }
    Cow::Owned(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        [("HOST", "shop.example"), ("N", "5")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn variables_are_replaced_inside_text() {
        let cases = [
            ("plain", "plain"),
            ("https://${var:HOST}/v${var:N}", "https://shop.example/v5"),
            ("$", "$"),
            ("$5 and $$5", "$5 and $5"),
            ("$${var:N}", "${var:N}"),
            ("a$", "a$"),
            ("$.data", "$.data"),
        ];
        for (text, expected) in cases {
            assert_eq!(interpolate(text, &variables()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        let cases = [
            ("${var:X}", Code::UnsetVariable, 0, 8),
            ("é ${env:X}!", Code::MisplacedReference, 2, 8),
            ("${vault:a/b#c}", Code::MisplacedReference, 0, 14),
            ("${cmd:pass x}", Code::MisplacedReference, 0, 13),
            ("${file:/x}", Code::MisplacedReference, 0, 10),
            ("${X}", Code::InvalidValue, 0, 4),
            ("${var:a b}", Code::InvalidValue, 0, 10),
            ("a ${b", Code::InvalidValue, 2, 3),
        ];
        for (text, code, offset, length) in cases {
            let trouble = interpolate(text, &variables()).unwrap_err();
            assert_eq!((trouble.code, trouble.offset, trouble.length), (code, offset, length), "{text}");
        }
    }

    #[test]
    fn escaping_is_undone_by_interpolation() {
        for text in ["", "$", "$$", "$${", "${env:X}", "a$b$$c${", "$$$"] {
            assert_eq!(interpolate(&escape(text), &variables()).unwrap(), text);
        }
    }
}
