//! The choice of a language.

use crate::console::answer::{Answer, see_other};
use crate::console::visit::Visit;
use crate::console::{cookie, reader};
use crate::failure::{Failure, FailureCode};

/// Remembers the language and goes back.
pub(super) fn language(visit: &Visit) -> Result<Answer, Failure> {
    let language = visit.field("language").and_then(reader::language);
    let language =
        language.ok_or_else(|| Failure::new(FailureCode::Invalid, "the console speaks `en` and `fr`"))?;
    let back = visit.field("back").unwrap_or("/");
    let cookie = cookie::of_language(language, super::sign_in::is_secure(visit));
    Ok(Answer::Whole(see_other(super::sign_in::own_path(back), cookie)))
}
