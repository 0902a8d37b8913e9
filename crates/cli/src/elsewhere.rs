//! What is to be said when a daemon has answered that lacks a variable: it has the environment that it was started with, and
//! not that of the shell in which the verb was typed. Pure.

use raccord_connect::NOT_SET;
use raccord_serve::Reply;
use raccord_serve::request::Reply::{Alerted, Checked, Report, Run};

/// Whether a text says that a variable is missing where it was looked for.
pub(crate) fn says_so(text: &str) -> bool {
    text.contains(NOT_SET)
}

/// Whether a part of an answer says so. Parts that hold records are not looked through.
pub(crate) fn lacks_variable(reply: &Reply) -> bool {
    matches!(reply, Report(_) | Run(_) | Checked(_) | Alerted(_))
        && serde_json::to_string(reply).is_ok_and(|text| says_so(&text))
}

/// What to do about it; `who` names the daemon.
pub(crate) fn advice(who: &str) -> String {
    format!(
        "the daemon {who} answered, with the variables that it was started with and not those of this shell: set the \
         variable there and start it again"
    )
}
