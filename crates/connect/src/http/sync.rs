//! The token of an answer from which a later reading goes on: reads it, and says which one counts when several pages of a
//! chain have one.
//!
//! Pure. It knows nothing of a token but its text, and never takes one for later than another without a proof.

use raccord_compiler::connector::{
    AnswerPlace, HttpStream, IncrementalCursor, Paginator, Target, TokenCursor,
};
use raccord_compiler::select::Slot;
use raccord_model::checkpoint::{Cursor, Token};
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::language::connector::http::TokenPage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::paginate::{At, PageView, short};
use super::said::{header_text, value};

/// From where on records are wanted, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Since {
    /// The text.
    pub(crate) text: String,
    /// Whether it is a number where JSON is sent.
    pub(crate) is_number: bool,
}

impl Since {
    /// A value of the cursor.
    pub(crate) fn of(cursor: &IncrementalCursor, value: &Cursor) -> Self {
        Self { text: cursor.format(value), is_number: cursor.is_number(value) }
    }

    /// Where the very first reading begins.
    pub(crate) fn initial(stream: &HttpStream) -> Option<Self> {
        let cursor = stream.cursor.as_ref()?;
        Some(Self::of(cursor, &cursor.initial()?))
    }

    /// The same as a token that goes on counting.
    pub(crate) fn token(&self) -> Option<Token> {
        let token = if self.is_number { Token::number } else { Token::text };
        token(&self.text).ok()
    }
}

/// From where a chain of pages was asked for in the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Begun {
    /// From where it was wanted.
    #[default]
    Wanted,
    /// From where the very first reading begins, for the service no longer knew the token.
    Initial,
    /// From the beginning, for it did not know that either.
    Everything,
}

impl Begun {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn is_wanted(&self) -> bool {
        *self == Self::Wanted
    }

    /// From where a chain is asked for again that was refused from `start` on.
    pub(crate) fn after(start: &Since, initial: Option<&Since>) -> Self {
        if initial.is_some_and(|initial| initial != start) { Self::Initial } else { Self::Everything }
    }
}

/// Where the token is in an answer, with the words of the settings for messages.
#[derive(Debug)]
pub(crate) struct TokenReader {
    place: Place,
    words: String,
}

#[derive(Debug)]
enum Place {
    Body(Slot),
    Url(Slot),
    Header(String),
}

impl TokenReader {
    /// Adds its path to those that are looked for in a body.
    pub(crate) fn new(token: &TokenCursor, add: &mut impl FnMut(&FieldPath) -> Slot) -> Self {
        let place = match &token.place {
            AnswerPlace::Body(path) => Place::Body(add(path)),
            AnswerPlace::Url(path) => Place::Url(add(path)),
            AnswerPlace::Header(name) => Place::Header(name.clone()),
        };
        Self { place, words: token.name() }
    }

    /// The token of an answer; none where nothing, null or an empty text stands. The error names what is none.
    pub(crate) fn read(&self, view: &PageView<'_>) -> Result<Option<Token>, String> {
        let token = match &self.place {
            Place::Header(name) => header_text(view.headers, name)?.map(|text| Token::text(&text)),
            Place::Body(slot) => match value(Some(*slot), view.found) {
                None => None,
                Some(raw) if raw.starts_with('"') => Some(Token::text(&self.text(raw)?)),
                Some(raw) if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                    Some(Token::number(raw))
                }
                Some(raw) => return Err(self.is_none("no text and no number", raw)),
            },
            Place::Url(slot) => match value(Some(*slot), view.found) {
                None => None,
                Some(raw) => Some(Token::text(self.url(raw, view)?.as_str())),
            },
        };
        token.transpose().map_err(|error| format!("`{}`: {error}", self.words))
    }

    fn text(&self, raw: &str) -> Result<String, String> {
        serde_json::from_str(raw).map_err(|_| self.is_none("no text", raw))
    }

    /// A URL, resolved against that of the answer and fit to be kept.
    fn url(&self, raw: &str, view: &PageView<'_>) -> Result<Url, String> {
        let text = self.text(raw)?;
        let mut url = view.url.join(&text).map_err(|_| self.is_none("no URL", raw))?;
        (view.clean)(&mut url)?;
        Ok(url)
    }

    fn is_none(&self, what: &str, raw: &str) -> String {
        format!("`{}` leads to `{}`, which is {what}", self.words, short(raw))
    }

    /// Why a token that holds a credential is not kept.
    pub(crate) fn repeats_credential(&self) -> String {
        format!("`{}` repeats a credential of ours, which may not be kept", self.words)
    }
}

/// Which token counts once a page that was asked for at a place has shown one, and whether it is another than that of the
/// page.
///
/// What changed while the pages were read comes again from the first token on, whatever a token means. From a later one
/// it does only when that says how far the pages were read. It is proved where the page was asked for with the token that
/// counted so far, and that is not merely what the whole reading was asked from.
pub(crate) fn counting(
    so_far: Option<Token>,
    seen: Option<Token>,
    (stream, at, start): (&HttpStream, &At, Option<&Since>),
) -> (Option<Token>, bool) {
    let (Some(before), Some(now)) = (&so_far, &seen) else { return (so_far.or(seen), false) };
    let page = stream.cursor.as_ref().and_then(IncrementalCursor::token).map(|token| token.page);
    let is_start = start.is_some_and(|start| start.text == before.as_str());
    if before == now || page == Some(TokenPage::Last) || !is_start && is_asked_with(stream, at, before) {
        (seen, false)
    } else {
        (so_far, true)
    }
}

/// Whether a page is asked for with a token, in the place that takes it.
fn is_asked_with(stream: &HttpStream, at: &At, token: &Token) -> bool {
    let Some(cursor) = &stream.cursor else { return false };
    match at {
        At::Url(url) if cursor.token().is_some_and(TokenCursor::is_url) => url == token.as_str(),
        At::Url(url) => {
            let Some(Target::Query(name)) = &cursor.param else { return false };
            Url::parse(url).is_ok_and(|url| {
                url.query_pairs().any(|(known, value)| known == *name && value == token.as_str())
            })
        }
        At::Cursor(raw) => {
            let Paginator::CursorPagination { param, .. } = &stream.paginator else { return false };
            let sent = serde_json::from_str(raw).unwrap_or(Value::Null);
            let sent = match (param, &cursor.param, &sent) {
                (None, Some(Target::Query(name)), Value::Object(members)) => members.get(name),
                (None, Some(Target::Body(path)), Value::Object(members)) => match path.0.as_slice() {
                    [Step::Member(name)] => members.get(name),
                    _ => None,
                },
                (Some(one), Some(other), sent) if one == other => Some(sent),
                _ => None,
            };
            sent.is_some_and(|sent| {
                sent.as_str().map_or_else(|| sent.to_string(), str::to_owned) == token.as_str()
            })
        }
        At::First | At::Page(_) | At::Offset(_) | At::Since(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use raccord_compiler::connector::lower_http;
    use raccord_compiler::select::{Found, Selector};
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    fn stream(data_type: &Value) -> HttpStream {
        let settings = json!({"baseUrl": "https://a.example", "dataTypes": {"t": data_type}});
        let settings = serde_json::from_value(settings).unwrap();
        let (stream, findings) = lower_http(&settings, &"t".parse().unwrap());
        stream.unwrap_or_else(|| panic!("{findings:?}"))
    }

    /// What is read of a body, or of the header `x`.
    fn read(token: &Value, body: &str, header: Option<&str>) -> Result<Option<Token>, String> {
        let mut incremental = json!({"token": token});
        if token.get("url").is_none() {
            incremental["param"] = json!("since");
        }
        let stream = stream(&json!({"incremental": incremental}));
        let mut paths = Vec::new();
        let reader = TokenReader::new(stream.cursor.as_ref().unwrap().token().unwrap(), &mut |path| {
            paths.push(path.clone());
            paths.len() - 1
        });
        let mut found = Found::default();
        Selector::new(&paths).select(body.as_bytes(), &mut found).unwrap();
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x", header.parse().unwrap());
        }
        let url = "https://a.example/v1/t?x=1".parse().unwrap();
        let clean = |url: &mut Url| {
            if url.host_str() == Some("a.example") { Ok(()) } else { Err("away".to_owned()) }
        };
        reader.read(&PageView {
            url: &url,
            headers: &headers,
            found: &found,
            continues: false,
            clean: &clean,
        })
    }

    #[test]
    fn a_token_is_a_text_or_a_number_and_anything_else_is_named() {
        let text = |text: &str| Ok(Token::text(text).ok());
        let number = |text: &str| Ok(Token::number(text).ok());
        for (body, expected) in [
            (r#"{"t":"a\"b/é="}"#, text("a\"b/é=")),
            (r#"{"t":"17"}"#, text("17")),
            (r#"{"t":17}"#, number("17")),
            (r#"{"t":-1.50}"#, number("-1.50")),
            (r#"{"t":123456789012345678901234567890}"#, number("123456789012345678901234567890")),
            (r#"{"t":null}"#, Ok(None)),
            (r#"{"t":""}"#, Ok(None)),
            ("{}", Ok(None)),
            (r#"{"t":true}"#, Err("`token: t` leads to `true`, which is no text and no number".to_owned())),
            (
                r#"{"t":{"a":1}}"#,
                Err("`token: t` leads to `{\"a\":1}`, which is no text and no number".to_owned()),
            ),
            (r#"{"t":[]}"#, Err("`token: t` leads to `[]`, which is no text and no number".to_owned())),
        ] {
            assert_eq!(read(&json!("t"), body, None), expected, "{body}");
        }
        let long = json!({"t": "x".repeat(8_193)}).to_string();
        let error = read(&json!("t"), &long, None).unwrap_err();
        assert_eq!(error, "`token: t`: it has 8193 bytes, and a token has 8192 at the most");
        for (header, expected) in [(Some("\"17\""), text("\"17\"")), (Some(" "), Ok(None)), (None, Ok(None))]
        {
            assert_eq!(read(&json!({"header": "X"}), "{}", header), expected, "{header:?}");
        }
        for (body, expected) in [
            (r#"{"t":"https://a.example/d?t=1"}"#, text("https://a.example/d?t=1")),
            (r#"{"t":"/d?t=1"}"#, text("https://a.example/d?t=1")),
            (r#"{"t":"https://b.example/d"}"#, Err("away".to_owned())),
            (r#"{"t":7}"#, Err("`token: {url: t}` leads to `7`, which is no text".to_owned())),
            (
                r#"{"t":"http://["}"#,
                Err("`token: {url: t}` leads to `\"http://[\"`, which is no URL".to_owned()),
            ),
        ] {
            assert_eq!(read(&json!({"url": "t"}), body, None), expected, "{body}");
        }
    }

    /// Which of two tokens counts, the second one on a page that was asked for at a place.
    fn later(data_type: &Value, at: &At, start: Option<&str>, tokens: [&str; 2]) -> (String, bool) {
        let [first, second] = tokens.map(|token| Token::text(token).ok());
        let start = start.map(|text| Since { text: text.to_owned(), is_number: false });
        let (token, varied) = counting(first, second, (&stream(data_type), at, start.as_ref()));
        (token.unwrap().as_str().to_owned(), varied)
    }

    #[test]
    fn a_later_token_counts_only_where_the_page_was_asked_for_with_the_one_before() {
        let by_url = json!({"pagination": {"nextUrl": "n"}, "incremental": {"token": "t", "param": "since"}});
        let by_cursor =
            json!({"pagination": {"cursor": "t", "param": "c"}, "incremental": {"token": "t", "param": "c"}});
        let by_object =
            json!({"pagination": {"cursor": "next"}, "incremental": {"token": "t", "param": "since"}});
        let of_urls = json!({"pagination": {"nextUrl": "n"}, "incremental": {"token": {"url": "t"}}});
        let last = json!({"pagination": {"page": "p"}, "incremental": {"token": {"body": "t", "page": "last"}, "param": "s"}});
        let by_page = json!({"pagination": {"page": "p"}, "incremental": {"token": "t", "param": "p"}});
        let url = |query: &str| At::Url(format!("https://a.example/t?{query}"));
        let cursor = |raw: &str| At::Cursor(raw.to_owned());
        for (data_type, at, start, is_later) in [
            (&by_url, url("since=one&page=2"), None, true),
            (&by_url, url("since=one&page=2"), Some("zero"), true),
            (&by_url, url("page=2"), None, false),
            (&by_url, url("page=one"), None, false),
            (&by_url, url("since=zero&page=2"), Some("zero"), false),
            // The service repeats what the reading was asked from.
            (&by_url, url("since=one&page=2"), Some("one"), false),
            (&by_cursor, cursor("\"one\""), None, true),
            (&by_cursor, cursor("\"two\""), None, false),
            (&by_object, cursor(r#"{"since":"one","page":2}"#), None, true),
            (&by_object, cursor(r#"{"page":"one"}"#), None, false),
            (&of_urls, At::Url("https://a.example/t?page=2".to_owned()), None, false),
            (&last, At::Page(2), None, true),
            (&by_page, At::Page(2), None, false),
        ] {
            let expected = if is_later { ("two".to_owned(), false) } else { ("one".to_owned(), true) };
            assert_eq!(
                later(data_type, &at, start, ["one", "two"]),
                expected,
                "{data_type} {at:?} {start:?}"
            );
            assert_eq!(later(data_type, &at, start, ["one", "one"]), ("one".to_owned(), false));
        }
        let (first, second) = ("https://a.example/t?d=1", "https://a.example/t?d=2");
        let at = At::Url(first.to_owned());
        assert_eq!(later(&of_urls, &at, None, [first, second]), (second.to_owned(), false));
        let lone = Token::text("one").ok();
        let asked = (&stream(&by_url), &At::First, None);
        assert_eq!(counting(lone.clone(), None, asked), (lone.clone(), false));
        assert_eq!(counting(None, lone.clone(), asked), (lone, false));
    }

    #[test]
    fn what_is_unknown_is_given_up_step_by_step() {
        let since = |text: &str| Since { text: text.to_owned(), is_number: false };
        for (start, initial, expected) in [
            ("a", None, Begun::Everything),
            ("a", Some("i"), Begun::Initial),
            ("i", Some("i"), Begun::Everything),
        ] {
            assert_eq!(Begun::after(&since(start), initial.map(since).as_ref()), expected);
        }
    }
}
