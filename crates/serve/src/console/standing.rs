//! How an integration or a transfer stands, as a word and a colour.

use super::show::Tone;
use super::text::Words;
use crate::request::Standing;

/// The word for it.
pub(super) const fn word(standing: Standing, words: &Words) -> &'static str {
    match standing {
        Standing::Tripped => words.tripped,
        Standing::Held => words.held,
        Standing::Waiting => words.waiting,
        Standing::Failing => words.failing,
        Standing::Paused => words.paused,
        Standing::Running => words.running,
        Standing::Active => words.active,
        Standing::Inactive => words.inactive,
    }
}

/// What sort of news it is.
pub(super) const fn tone(standing: Standing) -> Tone {
    match standing {
        Standing::Tripped | Standing::Failing => Tone::Bad,
        Standing::Held | Standing::Waiting | Standing::Paused => Tone::Waits,
        Standing::Running => Tone::Busy,
        Standing::Active => Tone::Good,
        Standing::Inactive => Tone::Quiet,
    }
}
