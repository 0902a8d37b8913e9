//! A notice in words, in the three forms in which it travels: plain text, HTML, and the text of a chat.
//!
//! What is said stands in one module a language; here is only how it looks. Values never become markup.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use raccord_model::Name;
use raccord_model::fact::{Notice, NoticeAbout};
use raccord_model::foreign;
use raccord_model::language::integration::Language;
use serde_json::{Value, json};

use super::{english, french};

/// What a message needs to know beside its notice.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The stack.
    pub stack: Name,
    /// The time zone in which instants are told.
    pub zone: TimeZone,
}

impl Setting {
    /// The name of the time zone.
    pub(super) fn zone_name(&self) -> &str {
        self.zone.iana_name().filter(|name| *name != "Etc/UTC").unwrap_or("UTC")
    }

    /// An instant as the clocks of the time zone show it.
    pub(super) fn local(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.zone.clone())
    }
}

/// A message in a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The language.
    pub language: Language,
    /// The subject, on one line.
    pub subject: String,
    /// What it says, from top to bottom.
    pub parts: Vec<Part>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// Things under a heading.
    List(String, Vec<String>),
    /// Command lines under a heading.
    Commands(String, Vec<String>),
    /// What stands at the foot.
    Foot(String),
}

/// A notice in words.
pub fn message(notice: &Notice, setting: &Setting) -> Message {
    let (subject, parts) = match notice.language {
        Language::En => english::message(notice, setting),
        Language::Fr => french::message(notice, setting),
    };
    let subject = foreign::line(&subject).into_owned();
    let parts = parts.into_iter().map(Part::shown).collect();
    Message { language: notice.language, subject, parts }
}

impl Part {
    /// The same with errors and names of others as nothing but text: what is listed stays on its line.
    fn shown(self) -> Self {
        let line = |text: String| foreign::line(&text).into_owned();
        let lines = |texts: Vec<String>| texts.into_iter().map(line).collect();
        match self {
            Self::Text(text) => Self::Text(line(text)),
            Self::List(heading, items) => Self::List(line(heading), lines(items)),
            Self::Commands(heading, commands) => Self::Commands(line(heading), lines(commands)),
            Self::Foot(text) => Self::Foot(line(text)),
        }
    }
}

impl Message {
    /// As plain text.
    pub fn text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::List(heading, items) => indented(heading, items, "  - "),
            Part::Commands(heading, lines) => indented(heading, lines, "    "),
            Part::Foot(text) => format!("-- \n{text}"),
        };
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        format!("{}\n", parts.join("\n\n"))
    }

    /// As a page of HTML.
    pub fn html(&self) -> String {
        let language = match self.language {
            Language::En => "en",
            Language::Fr => "fr",
        };
        let title = escaped(&self.subject);
        let body: String = self.parts.iter().map(html).collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
             <body style=\"font-family: sans-serif; line-height: 1.5; max-width: 44em\">\n{body}</body>\n</html>\n"
        )
    }

    /// As the text of a chat, in the little markup that Slack and its imitators know.
    pub fn chat(&self) -> String {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let part = |part: &Part| match part {
            Part::Text(text) | Part::Foot(text) => escape(text),
            Part::List(heading, items) => escape(&indented(heading, items, "• ")),
            Part::Commands(heading, lines) => {
                format!("{}\n```{}```", escape(heading), escape(&lines.join("\n")))
            }
        };
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        format!("*{}*\n{}", escape(&self.subject), parts.join("\n"))
    }
}

fn indented(heading: &str, lines: &[String], indent: &str) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("{indent}{line}")).collect();
    format!("{heading}\n{}", lines.join("\n"))
}

fn html(part: &Part) -> String {
    match part {
        Part::Text(text) => format!("<p>{}</p>\n", escaped(text)),
        Part::List(heading, items) => {
            let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escaped(item))).collect();
            format!("<p>{}</p>\n<ul>\n{items}</ul>\n", escaped(heading))
        }
        Part::Commands(heading, lines) => {
            let lines = escaped(&lines.join("\n"));
            let style = "background: #f3f3f3; padding: 0.6em 1em";
            format!("<p>{}</p>\n<pre style=\"{style}\">{lines}</pre>\n", escaped(heading))
        }
        Part::Foot(text) => format!("<p style=\"color: #666; font-size: small\">{}</p>\n", escaped(text)),
    }
}

/// A text as it may stand in HTML, between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// The JSON document of a notice: `text` for a chat, and under `raccord` the same as data.
pub fn document(notice: &Notice, setting: &Setting) -> Value {
    json!({
        "text": message(notice, setting).chat(),
        "raccord": {
            "id": notice.id,
            "at": notice.at,
            "stack": setting.stack,
            "about": notice.about,
        },
    })
}

/// The command lines that show what an integration's trouble is.
pub(super) fn looking<'n>(transfers: impl IntoIterator<Item = &'n Name>) -> Vec<String> {
    let rejects = transfers.into_iter().map(|name| format!("raccord rejects list --transfer {name}"));
    std::iter::once("raccord status".to_owned()).chain(rejects).collect()
}

/// The transfers whose rejects are worth a look.
pub(super) fn with_rejects(about: &NoticeAbout) -> Vec<&Name> {
    match about {
        NoticeAbout::Tripped { rejects, .. } => rejects.keys().take(TRANSFERS_TOLD).collect(),
        NoticeAbout::HalfWay { transfer, .. } => vec![transfer],
        NoticeAbout::Resumed { .. }
        | NoticeAbout::BadConfiguration { .. }
        | NoticeAbout::Pending { .. }
        | NoticeAbout::Held { .. }
        | NoticeAbout::Test { .. } => Vec::new(),
    }
}

/// For how many transfers a message names their rejects.
pub(super) const TRANSFERS_TOLD: usize = 5;

/// A number with its thousands apart.
pub(super) fn grouped<N: ToString + Copy>(number: N, separator: char) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}
